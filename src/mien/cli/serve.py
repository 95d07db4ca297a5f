"""The verb `serve`."""

from typing import Annotated

from tyro.conf import arg

from mien.serving.settings import ServeSettings


def serve(settings: Annotated[ServeSettings, arg(name="")]) -> None:
    """Serve a model over HTTP: photos and videos in, faces as JSON out.

    POST /v1/faces takes photos, POST /v1/video a video, POST /analyze the requests of DeepFace's API. /docs describes
    them with examples. It listens on this machine alone; any other --host needs a token, in MIEN_TOKEN or --token-file.
    Nothing of a photo is kept or logged.

    SIGTERM or Ctrl-C: /health/ready answers 503, running requests end, for at most --drain-seconds; exit code 0.

    Examples:
        $ mien serve
        $ mien serve --model runs/first --port 8080 --threads 4
        $ mien serve --host 0.0.0.0 --token-file tokens.txt --allow-host example.org
    """
    from mien.core.errors import needs_extra

    with needs_extra("serve", "mien serve"):
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401

    from mien.serving.server import serve as run

    run(settings)
