"""The verb `live`."""

from mien.core.time_rules import SMOOTHING


def live(
    *,
    source: str = "0",
    model: str = "default",
    detector: str = "auto",
    prior: str | None = None,
    min_face: float | None = None,
    smoothing: float = SMOOTHING,
    headless: bool = False,
    port: int = 0,
    device: str = "cpu",
    threads: int | None = None,
) -> None:
    """Recognise the expressions of faces in a camera's stream.

    The newest frame is always next: frames that come in the meantime are skipped. A camera that is lost is opened
    again until it is back; a file is played at its own speed, once.

    A page on 127.0.0.1 shows the frames to browsers on this machine; its address is printed. Ctrl-C ends.

    Examples:
        $ mien live
        $ mien live --source 1 --port 8080
        $ mien live --source rtsp://user:password@camera.local/stream
        $ mien live --source clip.mp4 --headless > faces.jsonl

    Args:
        source: A device's number, the address of a stream (rtsp://, http://), or a video file.
        model: default (the bundled model), a run folder, or an .onnx file.
        detector: auto (yunet), yunet, the .onnx file of a YuNet, or none, which uses each frame as one face crop.
        prior: The shares of the classes that answers assume: even, web (those of the training data), or a JSON file.
        min_face: Pixels of the smallest faces to search for; by default what a search of 640 x 640 pixels finds.
        smoothing: The standard deviation, in seconds, of the Gaussian over time that smooths probabilities. It looks
            back only. 0: none.
        headless: No page; print one JSON object per frame: time (of arrival, seconds since 1970), frame, latency
            (seconds from arrival to answer), detector, faces.
        port: Port of the page; by default any free one.
        device: Where the network is computed: cpu, or what onnxruntime has here: cuda, coreml, directml, openvino.
        threads: How many cores to use; all of them by default.
    """
    from mien.live.loop import recognize_camera
    from mien.recognition import Recognizer

    recognizer = Recognizer(model, detector, threads=threads, providers=device, prior=prior, min_face=min_face)
    recognize_camera(recognizer, source, smoothing=smoothing, headless=headless, port=port)
