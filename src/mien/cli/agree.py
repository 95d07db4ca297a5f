"""The verb `agree`."""

from pathlib import Path
from typing import Literal

from mien.core.streams import say, show_json, show_table


def agree(
    tables: list[Path],
    /,
    *,
    humans: bool = False,
    missing: tuple[str, ...] = (),
    step: float | None = None,
    tolerance: float | None = None,
    block: float | Literal["file"] | None = None,
    uncoded: str | None = None,
    person: tuple[str, ...] = (),
    page: Path | None = None,
    json: bool = False,
) -> None:
    """Measure agreement between human coders and a model: kappa, alpha.

    The first table is the model's, as mien predict writes it; the others are those of human coders. Columns: file,label
    or file,face,label for photos; time,label or start,end,label (in seconds) for videos. Files of ELAN, BORIS and Praat
    and subtitles are read too. With two or more human coders, tests whether the model agrees with them as well as they
    agree with each other. docs/agreement.md has the definitions.

    Examples:
        $ mien agree machine.csv coder1.csv coder2.csv
        $ mien agree anna.csv ben.csv cleo.csv --humans --missing unclear other
        $ mien agree interview.csv anna.eaf ben.txt --uncoded neutral --person 1
        $ mien agree machine.csv coder1.csv coder2.csv --page agreement.html --json

    Args:
        tables: One for each coder: .csv, .tsv, .txt, .jsonl, .parquet; ELAN's .eaf and tab-delimited text, BORIS's
            exports and .boris, Praat's .TextGrid, .vtt, .srt.
        humans: All tables are those of human coders.
        missing: Labels that count as missing, like an empty cell.
        step: Videos: seconds between the moments that are compared (0.1).
        tolerance: Videos: the largest distance, in seconds, between a time,label row and its moment (half a step).
        block: Videos: seconds that are resampled together for the intervals, as neighbouring moments are alike (10), or
            file (the default from 10 videos on).
        uncoded: Videos: the label of moments that a coder of intervals left empty; without it they are missing.
        person: Videos: the person whose labels are compared, as each table calls them (1, Anna, or a tier). Needed
            where a table has several and another does not say whose labels it has.
        page: Write the figures and confusion matrices to an HTML page.
        json: Print one JSON object instead of tables.
    """
    from mien.core import records
    from mien.core.errors import InputError
    from mien.core.files import write_text
    from mien.evaluation.agreement import agreement, annotations, report

    if page and page.resolve() in [table.resolve() for table in tables]:
        raise InputError(f"{page}: a coder's table; --page would replace it; name another file")
    found = agreement.agree(
        annotations.align_annotations(
            tables, step=step, tolerance=tolerance, block=block, uncoded=uncoded, missing=missing, person=person
        ),
        machine=not humans,
    )
    if page:
        write_text(page, report.page(found))
    if json:
        show_json(records.dumps(found, indent=0))
    else:
        show_table(report.agreement_tables(found))
    if page:
        say(f"wrote {page}")
