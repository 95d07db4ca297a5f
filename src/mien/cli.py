"""The command `mien`: one function per verb, heavy imports inside the functions.

stdout carries results, stderr everything else. Each verb is a plain function whose signature tyro turns into its options; the
text above `Args:` is its help.
"""

import difflib
import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NoReturn

import tyro
from tyro.conf import Positional

from mien.errors import InputError, MissingExtra
from mien.recipes import Recipe

if TYPE_CHECKING:
    from rich.console import Console

Verb = Callable[..., int | None]
VERBS: dict[str, Verb] = {}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one verb and exit: 0 done, 1 done with misses (the verb's help says which), 2 bad input, 130 interrupted."""
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        if verb in ("-h", "--help"):
            print(overview())
            sys.exit(0)
        if verb == "--version":
            from mien import __version__

            print(__version__)
            sys.exit(0)
        if verb not in VERBS:
            near = difflib.get_close_matches(verb, VERBS, n=1)
            raise InputError(f"no verb {verb!r}" + (f"; did you mean {near[0]!r}?" if near else "") + " (mien --help lists them)")
        runner = {"train": run_train, "data": run_data}.get(verb)
        sys.exit(runner(rest) if runner else run(VERBS[verb], f"mien {verb}", rest))
    except (InputError, MissingExtra) as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as interrupt:
        print(f"mien: {interrupt or 'interrupted'}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stderr.close()
        sys.exit(0)


def verb(function: Verb) -> Verb:
    """Register a function as the verb of its name."""
    VERBS[function.__name__.removesuffix("_verb")] = function
    return function


def run(function: Verb, program: str, arguments: list[str], **defaults: object) -> int:
    """Parse the arguments by the function's signature and call it; what it returns is the exit code (None is 0)."""
    description = inspect.cleandoc(function.__doc__ or "").split("\nArgs:")[0]
    called = functools.partial(function, **defaults)
    return tyro.cli(called, prog=program, description=description, args=arguments, config=(tyro.conf.OmitArgPrefixes,)) or 0


def run_train(arguments: list[str]) -> int:
    """Run `train`: its options and their defaults are the fields of the recipe that the first argument names."""
    from mien import recipes

    if not arguments or (arguments[0].startswith("-") and not {"-h", "--help"} & set(arguments)):
        raise InputError(f"expected a recipe first: mien train RECIPE --data PATH (recipes: {', '.join(recipes.RECIPES)}, or a .json file)")
    if arguments[0].startswith("-"):
        return run(VERBS["train"], "mien train RECIPE", arguments, recipe=recipes.Recipe())
    return run(VERBS["train"], f"mien train {arguments[0]}", arguments[1:], recipe=recipes.find(arguments[0]))


def run_data(arguments: list[str]) -> int:
    """Run `data inspect` or `data fetch`, each with options of its own."""
    actions: dict[str, Verb] = {"inspect": inspect_data, "fetch": fetch_data}
    action, *rest = arguments or ["--help"]
    if action in ("-h", "--help"):
        print(f"usage: mien data inspect PATH [options]\n       mien data fetch NAME [options]\n\n{inspect.cleandoc(data.__doc__ or '')}")
        return 0
    if action not in actions:
        raise InputError(f"no action {action!r}; expected mien data inspect PATH or mien data fetch NAME")
    return run(actions[action], f"mien data {action}", rest)


def overview() -> str:
    """Return the text of `mien --help`: every verb with the first line of its docstring."""
    lines = [f"  {name:<10}{(function.__doc__ or '').splitlines()[0]}" for name, function in VERBS.items()]
    return "\n".join(
        [
            "usage: mien VERB [options]",
            "",
            "Facial expression recognition, from pixels to a table you can trust.",
            "",
            *lines,
            "",
            "mien VERB --help shows a verb's options and examples.",
        ]
    )


@verb
def recipes_verb(*, json: bool = False) -> None:
    """List the recipes: source, data, cost, expected score.

    Examples:

        $ mien recipes
        $ mien recipes --json

    Args:
        json: One JSON object on stdout, every field of every recipe.
    """
    import dataclasses
    from json import dumps

    from mien.recipes import ABOUT, RECIPES

    if json:
        rows = {name: dataclasses.asdict(ABOUT[name]) | {"recipe": dataclasses.asdict(recipe)} for name, recipe in RECIPES.items()}
        print(dumps(rows, indent=2))
        return
    for name, about in ABOUT.items():
        print(name)
        for fact in dataclasses.fields(about):
            print(f"  {fact.name:<10}{getattr(about, fact.name)}")


@verb
def data() -> None:
    """See what a dataset holds, or download one.

    Examples:

        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --json
        $ mien data fetch ferplus --out fer2013/

    mien data inspect --help and mien data fetch --help show their options.
    """


def inspect_data(
    path: Positional[Path],
    /,
    *,
    kind: Literal["fer2013", "ferplus", "folder", "legend", "arrays"] | None = None,
    targets: Literal["label", "majority", "plurality", "distribution"] = "label",
    classes: str | None = None,
    strict: bool = False,
    sheet: Path | None = None,
    json: bool = False,
) -> None:
    """See what a dataset holds: its kind, counts per class and split, picture sizes, and what is broken in it.

    Draws a contact sheet of examples per class as well, NAME-contact-sheet.png in the current folder.

    Examples:

        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --sheet faces.png
        $ mien data inspect arrays/ --classes fer2013 --json
        $ mien data inspect face-expression-recognition-dataset/ --strict

    Args:
        path: A file or folder.
        kind: The dataset's kind, where it shall not be found automatically.
        targets: Which labels, where FER+ votes lie beside fer2013.csv.
        classes: What the integers of arrays mean: fer2013, alphabetical, ferplus, legend or three-class.
        strict: Stop at the first thing that is broken.
        sheet: The contact sheet's file.
        json: Print one JSON object, with all problems.
    """
    from json import dumps

    from mien.datasets.inspection import inspect, report

    sheet = sheet or Path(f"{path.resolve().stem or 'dataset'}-contact-sheet.png")
    found = inspect(path, kind=kind, targets=targets, classes=classes, strict=strict, sheet=sheet)
    if json:
        print(dumps(found.to_json() | {"sheet": str(sheet)}))
    else:
        _console().print(report(found))
    print(f"wrote {sheet}", file=sys.stderr)


def fetch_data(name: Positional[Literal["fer2013", "folders", "ferplus", "legend"]], /, *, out: Path | None = None) -> None:
    """Download a dataset and print the folder it lies in.

    fer2013 and folders come from Kaggle and need an account there and pip install 'mien[kaggle]'; ferplus (the votes, to lie
    beside fer2013.csv) and legend come from GitHub. A download that was cut goes on where it stopped.

    Examples:

        $ mien data fetch fer2013
        $ mien data fetch ferplus --out fer2013/
        $ mien data fetch legend

    Args:
        name: Which dataset.
        out: The folder; named after the dataset by default.
    """
    from mien.datasets.fetch import fetch

    print(fetch(name, out))


@verb
def train(
    *,
    data: Path,
    out: Path | None = None,
    kind: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    recipe: Recipe,
) -> None:
    """Train a recipe: mien train RECIPE --data PATH.

    RECIPE is a name that `mien recipes` lists, or a JSON file: the recipe.json of a run, or your own. Every field of the recipe is
    an option. The run folder, printed at the end, holds the weights, the metrics and model.onnx.

    Examples:

        $ mien train mien --data fer2013/
        $ mien train three-class --data three-class/ --epochs 12 --out runs/three
        $ mien train efficientnet-b0 --data face-expression-recognition-dataset/ --no-pretrained
        $ mien train runs/three/recipe.json --data three-class/ --seed 1
        $ torchrun --nproc-per-node 2 -m mien train mien --data fer2013/ --out runs/two

    Args:
        data: Where the dataset lies.
        out: A new folder for the run; runs/RECIPE-TIME by default.
        kind: The dataset's kind, where it shall not be found automatically.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many cores to use on the CPU; all by default.
        recipe: What to train.
    """
    training = _training(threads)
    print(training.train(recipe, data, out or Path("runs") / f"{recipe.name}-{_now()}", kind=kind, device=device))


@verb
def resume(run: Positional[Path], *, device: str = "auto", threads: int | None = None) -> None:
    """Go on with a run that was stopped, to the same weights it would have reached.

    Examples:

        $ mien resume runs/mien-20260131-120000

    Args:
        run: The run's folder.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many cores to use on the CPU; all by default.
    """
    print(_training(threads).resume(run, device=device))


@verb
def export(run: Positional[Path], *, out: Path | None = None) -> None:
    """Write a run's best weights as a model.onnx that explains itself.

    Examples:

        $ mien export runs/mien-20260131-120000
        $ mien export runs/mien-20260131-120000 --out faces.onnx

    Args:
        run: The run's folder.
        out: Where to; model.onnx in the run's folder by default.
    """
    _training(None)
    from mien.export import export as export_run

    print(export_run(run, out=out))


def _now() -> str:
    from datetime import datetime

    return datetime.now().strftime("%Y%m%d-%H%M%S")


def _training(threads: int | None) -> ModuleType:
    """Import what needs torch, or say how to get it."""
    try:
        import torch

        import mien.train
    except ImportError as error:
        if (error.name or "").startswith("mien"):
            raise
        raise MissingExtra("train", "training") from None
    if threads is not None:
        if threads < 1:
            raise InputError(f"--threads {threads}: at least 1")
        torch.set_num_threads(threads)
    return mien.train


@verb
def evaluate(
    model: Positional[str],
    *,
    data: Path,
    split: str = "validation",
    tta: Literal["none", "flip", "both"] = "none",
    kind: str | None = None,
    targets: Literal["label", "majority", "plurality", "distribution"] = "label",
    classes: str | None = None,
    merge: Literal["drop", "contempt-as-disgust", "contempt-as-neutral"] = "drop",
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Score an exported model on a split of a dataset, and write the report.

    A run keeps its scores in its folder, as evaluation-SPLIT-TTA.json and report.html. Those of any other model are
    only printed, unless --out names a folder.

    Examples:

        $ mien evaluate runs/first --data fer2013
        $ mien evaluate default --data fer2013 --tta both --out results/default
        $ mien evaluate model.onnx --data faces/ --split test --json > scores.json

    Args:
        model: A run folder, an .onnx file, or default, the bundled model.
        data: The dataset's folder or file.
        split: Which part of it is scored: validation (PublicTest), test (PrivateTest) or train.
        tta: none scores the crop, flip the mean of its and its mirror image's probabilities, both reports both.
        kind: The reader, where it is not to be recognised: fer2013, ferplus, folder, legend or arrays.
        targets: Which labels, where the dataset has FER+ votes.
        classes: What the integers of arrays mean, as fer2013 or alphabetical; elsewhere, the taxonomy to score.
        merge: How contempt is folded where wanted; drop leaves out what one side lacks.
        out: Where the scores and the report are written instead.
        json: Print one JSON object instead of tables; of both views, the mirrored one is under flip.
    """
    from json import dumps

    from mien.evaluate import evaluate, save, tables

    views: tuple[Literal["none", "flip"], ...] = ("none", "flip") if tta == "both" else (tta,)
    run = Path(model) if model != "default" and Path(model).is_dir() else None
    folder = out or run
    found = [
        evaluate(model, data, split, tta=view, kind=kind, targets=targets, classes=classes, merge=merge)
        for view in views
    ]
    written = save(found, folder, metrics=run / "metrics.jsonl" if run else None) if folder else []
    if json:
        print(dumps(found[0].to_json() | {more.tta: more.to_json() for more in found[1:]}))
    else:
        _console().print(tables(found))
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    if not folder:
        print("nothing written; --out DIR writes report.html there", file=sys.stderr)


@verb
def compare(
    runs: Positional[list[str]],
    *,
    split: str = "validation",
    tta: Literal["none", "flip"] = "none",
    json: bool = False,
) -> None:
    """Show the evaluations of several runs in one table, the most accurate first.

    Refuses to set figures side by side that were measured on different test data, targets or views.

    Examples:

        $ mien compare runs/*
        $ mien compare runs/first runs/second --split test --tta flip
        $ mien compare results/a/evaluation-test-none.json runs/b/evaluation-test-none.json --json

    Args:
        runs: Run folders, or evaluation files.
        split: Which evaluation of a run folder is read.
        tta: Likewise, which view.
        json: Print a JSON list instead of a table.
    """
    from json import dumps

    from mien.evaluate import compare, comparison_table

    rows = compare(runs, split=split, tta=tta)
    if json:
        print(dumps([vars(row) for row in rows]))
    else:
        _console().print(comparison_table(rows))


@verb
def predict(
    paths: Positional[list[Path]],
    *,
    model: str = "default",
    detector: Literal["haar", "none"] = "haar",
    json: bool = False,
    csv: bool = False,
    out: Path | None = None,
    threads: int | None = None,
) -> int:
    """Find the faces of photos and say what their expressions look like.

    Prints a table, or with --json or --csv what a program reads. Boxes are x, y, width, height in pixels of the
    upright photo. What cannot be read, or has no face in it, is named on stderr, and the rest goes on.

    Exit code: 0 a face in every photo, 1 some photo could not be read or has no face, 2 nothing could be done.

    Examples:

        $ mien predict photo.jpg
        $ mien predict holiday/ party/ portrait.png --out annotated
        $ mien predict holiday/ --json > faces.json
        $ mien predict crops/ --detector none --model runs/first --csv > faces.csv

    Args:
        paths: Photos and folders; folders are searched to the bottom.
        model: default (the bundled model), a run folder, or an .onnx file.
        detector: haar finds upright frontal faces; none takes each photo as one face crop.
        json: Print a list with one object per photo: file, faces, and error where it could not be read.
        csv: Print one row per face; a photo without one keeps a row with empty cells.
        out: A folder for annotated copies, as .jpg; replaces earlier copies there, never a photo that is read.
        threads: How many cores to use; all of them unless said.
    """
    from mien.predict.command import predict_files

    if json and csv:
        raise InputError("--json and --csv: choose one")
    form = "json" if json else "csv" if csv else "table"
    return predict_files(paths, form, model=model, detector=detector, out=out, threads=threads)


@verb
def submit(
    model: Positional[str],
    *,
    data: Path,
    out: Path = Path("submission.csv"),
    sample: Path | None = None,
    tta: Literal["none", "flip"] = "none",
    threads: int | None = None,
) -> None:
    """Write a leaderboard's CSV: the class index that the model gives each test picture.

    The categories count the classes in the model's own order; of a three-class model 0 is angry, 1 happy, 2 neutral.
    Ids count from 0, or are those of the sample submission, whose column names are taken over too.

    Examples:

        $ mien submit runs/three --data x_test.npy --out submission.csv
        $ mien submit runs/three --data three-class/ --sample three-class/sample_submission.csv

    Args:
        model: default (the bundled model), a run folder, or an .onnx file.
        data: The test pictures: an .npy file, or a folder or .npz that holds x_test.
        out: The file to write.
        sample: The leaderboard's sample submission.
        tta: none scores each picture, flip the mean of its and its mirror image's probabilities.
        threads: How many cores to use; all of them unless said.
    """
    from mien.predict.submission import submit

    counts = submit(model, data, out, sample=sample, tta=tta, threads=threads)
    shares = ", ".join(f"{label} {count:,}" for label, count in sorted(counts.items()))
    print(f"wrote {out}: {counts.total():,} rows ({shares})", file=sys.stderr)


def _console() -> "Console":
    """Return a console for results on stdout: as wide as the terminal, or as tables need where they go to a file."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)

