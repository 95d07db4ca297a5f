"""The routes: photos, videos, DeepFace's `analyze`, health, metrics, and the pages that describe them."""

import asyncio
import gzip
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from mien import __version__
from mien.compat import deepface
from mien.compat.inputs import known_expressions
from mien.core.download import file_sha256
from mien.core.errors import InputError
from mien.core.html import render
from mien.core.paths import printable
from mien.faces.detectors import YuNet, detector_name
from mien.faces.detectors.full_image import FullImage
from mien.faces.faces import Faces
from mien.models.bundled import model_name
from mien.outputs.jobs import PredictJob
from mien.outputs.photos import Photo
from mien.outputs.predict_job import available_cores
from mien.page.access import media_type
from mien.page.facts import describe
from mien.page.files import in_browser, page_files
from mien.recognition.recognizer import MIN_FACE, FaceCrops, Recognizer
from mien.serving import metrics, uploads
from mien.serving.guard import Guard, ResponseAborted
from mien.serving.openapi import description, endpoints
from mien.serving.pipeline import Find, Pipeline
from mien.serving.problems import HttpProblem, busy
from mien.serving.settings import MB, ServeSettings
from mien.serving.uploads import AnalyzeRequest, UploadedPhoto
from mien.serving.videos import VideoResponse

Handler = Callable[[Request], Awaitable[Any]]


class Service:
    """The whole service as an ASGI application, `guard`, with one recogniser. `close` ends its threads.

    Args:
        settings: the model, whom it serves, and the bounds.
        recognizer: in place of that of the settings.
        tokens: those of the settings, where they have been read: a pipe can be read once.

    Raises:
        InputError: a setting, the model or the detector cannot be used.
    """

    def __init__(
        self, settings: ServeSettings, recognizer: Recognizer | None = None, *, tokens: Sequence[str] | None = None
    ) -> None:
        settings.check()
        tokens = settings.tokens() if tokens is None else tokens
        self.settings, self.metrics, self._videos = settings, metrics.Metrics(), 0
        self.threads = settings.threads or available_cores()
        self.recognizer = recognizer or Recognizer(
            settings.model,
            settings.detector,
            threads=1,  # of each photo: several are searched at a time
            providers=settings.device,
            prior=settings.prior,
            max_pixels=settings.max_pixels,
            min_face=settings.min_face,
        )
        path = self.recognizer.session.path
        name = model_name(path)
        info = self.recognizer.session.info
        shares = [round(share, 6) for share in info.prior or info.shares]  # none where the file has none
        prior = dict(zip(info.labels, shares, strict=True)) if shares else None
        self.model = {"name": name, "sha256": file_sha256(path), "prior": prior}
        self.pipeline = Pipeline(
            self.recognizer,
            threads=self.threads,
            scorers=self.threads if settings.device == "cpu" else 1,
            room=settings.queue,
            metrics=self.metrics,
        )
        self.openapi = description(settings, info.labels)
        page = {"model": name, "version": __version__, "api": self.openapi, "endpoints": endpoints(self.openapi)}
        docs = render("mien.serving/docs.html", address=f"http://127.0.0.1:{settings.port or 8000}", **page)
        files = self._page_files(token_needed=bool(tokens))
        style = Path(__file__).with_name("templates").joinpath("serve.css").read_bytes()

        async def show_docs(_: Request) -> Response:
            return HTMLResponse(docs)

        async def css(_: Request) -> Response:
            return Response(style, media_type="text/css")

        routes = [
            Route("/v1/faces", self.faces, methods=["POST"]),
            Route("/v1/video", self.video, methods=["POST"]),
            Route("/analyze", self.analyze, methods=["POST"]),
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/metrics", self.show_metrics),
            Route("/openapi.json", self.show_openapi),
            Route("/docs", show_docs),
            Route("/serve.css", css),
            Route("/", _file("index.html", files["index.html"])),
            *(Route(f"/{name}", _file(name, content)) for name, content in files.items()),
        ]
        pages = [f"/{name}" for name in files]
        methods = {route.path: route.methods or () for route in routes}
        self.guard = Guard(Router(routes, redirect_slashes=False), methods, settings, tokens, self.metrics, pages)

    def close(self) -> None:
        """End the threads, once what they have begun is done."""
        self.pipeline.close()

    async def faces(self, request: Request) -> Response:
        """Answer with an object for each photo, as `mien predict --json` prints them."""
        began = time.perf_counter()
        self.pipeline.check_room()  # before the body is read
        photos = await uploads.read_photos(request, most=self.settings.max_files)
        read = time.perf_counter()
        notes: list[tuple[str, ...]] = [()] * len(photos)
        found = await self._run(request, [self._finder(photo, notes, index) for index, photo in enumerate(photos)])
        images = list(map(_photo, photos, found, notes))
        if all(photo.error for photo in images):
            raise HttpProblem(422, images[0].error if len(images) == 1 else f"none can be read; {images[0].error}")
        done = time.perf_counter()
        seconds = {"upload": read - began, "recognition": done - read}
        return JSONResponse(
            {
                "model": self.model,
                "version": __version__,
                "seconds": {name: round(value, 4) for name, value in seconds.items()},
                "images": [photo.to_dict() for photo in images],
            }
        )

    def _finder(self, photo: UploadedPhoto, notes: list[tuple[str, ...]], index: int) -> Find:
        def find() -> FaceCrops:
            with self.recognizer.reading(photo.open()) as image:
                notes[index] = image.notes
                return self.recognizer.find_faces(image.pixels, scale=image.scale)

        return find

    async def _run(self, request: Request, finds: Sequence[Find]) -> list[Faces | InputError]:
        """Return the faces of each photo, or why it cannot be read. ResponseAborted where the client has gone."""
        futures = self.pipeline.submit(finds)
        done = asyncio.gather(*map(_outcome, futures))
        gone = asyncio.create_task(_gone(request))
        try:
            both: list[asyncio.Future[Any]] = [done, gone]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                raise ResponseAborted
            return await done
        finally:
            gone.cancel()
            done.cancel()
            for future in futures:
                future.cancel()
            await asyncio.gather(gone, done, return_exceptions=True)

    async def video(self, request: Request) -> ASGIApp:
        """Answer with the rows of a video while it arrives."""
        kind = uploads.media_type(request)
        form = request.headers["content-type"] if kind == uploads.FORM else None
        if not form and not kind.startswith("video/") and kind != uploads.BYTES:
            raise HttpProblem(
                415,
                f"Content-Type is {kind or 'missing'!r}; send the video itself as the body, as video/mp4, say, or "
                "multipart/form-data with the video in the field file",
            )
        try:
            every = PredictJob(every=request.query_params.get("every")).seconds()
        except InputError as error:
            raise HttpProblem(400, str(error).removeprefix("--")) from None
        if self._videos >= self.settings.videos:
            raise busy(f"{self._videos} videos are read already, the most that may; try again later")
        response = VideoResponse(
            self.recognizer, every=every, form=form, threads=self.threads, model=self.model, metrics=self.metrics
        )

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self._videos += 1
            try:
                await response(scope, receive, send)
            finally:
                self._videos -= 1

        return counted

    async def analyze(self, request: Request) -> Response:
        """Answer as DeepFace's own API does: results, a list with a dictionary for each face."""
        self.pipeline.check_room()
        photos, asked = await self._analyze_request(request)
        actions = asked.actions.strip("[]() ").split(",") if isinstance(asked.actions, str) else asked.actions
        backend, enforce = asked.detector_backend, uploads.flag("enforce_detection", asked.enforce_detection)
        try:
            known_expressions(self.recognizer.session.info.labels)
            names = [name.strip(" \"'") for name in actions]
            deepface.check_analysis(names, anti_spoofing=uploads.flag("anti_spoofing", asked.anti_spoofing))
        except InputError as error:
            raise HttpProblem(400, str(error)) from None
        if not (backend in ("skip", "auto", self.settings.detector) or deepface.is_backend(backend)):
            raise HttpProblem(
                400, f"no detector {backend[:40]!r}; leave detector_backend out, or skip uses all of the image"
            )
        facts: list[dict[str, Any]] = [{} for _ in photos]

        def find(photo: UploadedPhoto, facts: dict[str, Any]) -> FaceCrops:
            recognizer = self.recognizer
            with recognizer.reading(photo.open()) as image:
                facts["height"], facts["width"] = image.size[::-1]
                crops = None if backend == "skip" else recognizer.find_faces(image.pixels, scale=image.scale)
                if crops is not None and not len(crops.crops) and enforce:
                    raise deepface.no_face(photo.name)
                facts["full_image"] = crops is None or not len(crops.crops)
                if crops is None or facts["full_image"]:
                    found = FullImage()(image.pixels)
                    crops = recognizer.crop_faces(image.pixels, found, FullImage.name)._replace(scale=image.scale)
                return crops

        finds = [partial(find, *pair) for pair in zip(photos, facts, strict=True)]
        results = []
        for found, more in zip(await self._run(request, finds), facts, strict=True):
            if isinstance(found, InputError):
                raise HttpProblem(400, found.problem)
            results.append(_plain(deepface.analysis(found, **more)))
        return JSONResponse({"results": results if isinstance(asked.img, list) else results[0]})

    async def _analyze_request(self, request: Request) -> tuple[list[UploadedPhoto], AnalyzeRequest]:
        """Return the images of a DeepFace request, and what is asked."""
        kind = uploads.media_type(request)
        if kind == "application/json":
            body = await request.body()
            asked = await asyncio.to_thread(uploads.decode_json, body, AnalyzeRequest)
        elif kind == uploads.FORM:
            form = await uploads.read_form(request, most=1, field_size=self.settings.max_body * MB)
            for name, value in form:
                if name == "img" and isinstance(value, UploadedPhoto):
                    return [value], _fields(form)
            asked = _fields(form)
        elif kind == uploads.FIELDS_ONLY:
            asked = _fields(await asyncio.to_thread(uploads.decode_fields, await request.body()))
        else:
            raise HttpProblem(
                415, f"Content-Type is {kind or 'missing'!r}; send application/json or multipart/form-data"
            )
        texts = asked.img if isinstance(asked.img, list) else [asked.img]
        if not all(texts) or not texts:
            raise HttpProblem(400, "there is no image in the request; its field is img, a file or a data URL of base64")
        if len(texts) > self.settings.max_files:
            raise uploads.too_many(len(texts), self.settings.max_files)
        if not all(text.startswith("data:image/") for text in texts):  # to DeepFace others are paths and addresses
            raise HttpProblem(400, "img is no data URL (data:image/jpeg;base64,...); no file or address is read here")
        photos = await asyncio.to_thread(lambda: [uploads.decode_base64(text) for text in texts])
        return [UploadedPhoto(uploads.UNNAMED, data) for data in photos], asked

    def _page_files(self, *, token_needed: bool) -> dict[str, bytes | Path]:
        """Return the files of the page, and what it may know of the service."""
        detector, settings, session = self.recognizer.detector, self.settings, self.recognizer.session
        bundled = isinstance(detector, YuNet) and detector.path is None and detector.min_face == MIN_FACE
        facts = describe(
            session,
            server=True,
            browser=bundled and in_browser(),  # or the answers would differ
            token_needed=token_needed,
            detector=detector_name(detector),
            limits={"photo_bytes": settings.max_body * MB, "video_bytes": settings.max_video * MB},
        )
        return page_files(session) | facts

    async def live(self, _: Request) -> Response:
        """Answer that the process runs."""
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Answer whether the service takes requests: no longer once it ends."""
        if self.guard.ending:
            raise busy("the service is ending")
        return JSONResponse({"status": "ready", "model": self.model, "version": __version__})

    async def show_metrics(self, _: Request) -> Response:
        return Response(self.metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def show_openapi(self, _: Request) -> Response:
        return JSONResponse(self.openapi)


def _file(name: str, content: bytes | Path) -> Handler:
    """Return what answers with a file of the page; a browser that has it already is not sent it again."""
    digest = file_sha256(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
    headers = {"ETag": f'"{digest[:32]}"', "Cache-Control": "no-cache", "Content-Type": media_type(name)}

    async def page(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        if not isinstance(content, Path):
            return Response(content, headers=headers)
        if content.suffix == ".wasm" and "gzip" in request.headers.get("accept-encoding", ""):
            zipped = await asyncio.to_thread(_zipped, content)
            return Response(zipped, headers=headers | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
        request.scope["headers"] = [
            pair for pair in request.scope["headers"] if pair[0] != b"range"
        ]  # always all of it
        return FileResponse(content, headers=headers)

    return page


@cache
def _zipped(path: Path) -> bytes:
    """Return a file as gzip: onnxruntime-web has 14 MB, and 4 MB so."""
    return gzip.compress(path.read_bytes(), 6)


def _fields(form: Sequence[tuple[str, UploadedPhoto | str]]) -> AnalyzeRequest:
    """Return what the text fields of a form ask."""
    known = AnalyzeRequest.__struct_fields__
    return AnalyzeRequest(**{name: value for name, value in form if name in known and isinstance(value, str)})


async def _outcome(future: Future[Faces]) -> Faces | InputError:
    try:
        return await asyncio.wrap_future(future)
    except InputError as error:
        return error


async def _gone(request: Request) -> None:
    """Return when the client has closed the connection. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _photo(photo: UploadedPhoto, found: Faces | InputError, notes: tuple[str, ...]) -> Photo:
    if isinstance(found, InputError):
        return Photo(Path(photo.name), None, printable(found.problem))
    return Photo(Path(photo.name), found, notes=notes)


def _plain(value: Any) -> Any:
    """Return what JSON can hold: NumPy's numbers as Python's."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
