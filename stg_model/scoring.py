"""What `stg-model evaluate` and `stg-model compare` do: read, score, and write what was asked for.

Both know where the truth is, by which rules to score, and what to write; see `Options`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataset_builder import tables
from dataset_builder.errors import InputError, OutputError
from dataset_builder.importers.grounding_youtube import read_official
from dataset_builder.predictions import Predictions, read_predictions
from dataset_builder.release import Release, read_release
from dataset_builder.report.pictures import Pictures, StoredPictures, VideoPictures
from stg_model.baselines.trivial import trivial_baselines
from stg_model.evaluation.comparison import Comparison, compare, tabulate
from stg_model.evaluation.html.page import write_page
from stg_model.evaluation.intervals import IntervalSettings
from stg_model.evaluation.latex import to_latex
from stg_model.evaluation.report import evaluate
from stg_model.evaluation.report_text import to_text
from stg_model.evaluation.results import Report
from stg_model.evaluation.settings import EvaluationSettings, settings_from
from stg_model.evaluation.stored import read_report


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of both commands; `stg_model.scoring_options` describes them."""

    official: Path | None = None
    segments: Path | None = None
    sizes: Path | None = None
    videos: Path | None = None
    frames: Path | None = None
    clips: str | None = None
    rules: tuple[str, ...] = ()
    replicates: int | None = None
    seed: int | None = None
    output: Path | None = None
    latex: Path | None = None
    html: Path | None = None
    force: bool = False
    as_json: bool = False

    def check(self) -> None:
        """Refuse, before any work is done, to overwrite a file and to go on without a truth.

        Raises:
            InputError: `segments` or `sizes` without `official`; two outputs of one path.
            OutputError: an output exists and `force` is not given.
        """
        if not self.official and (self.segments or self.sizes):
            raise InputError("--segments and --sizes belong to the boxes of --official")
        outputs = [path for path in (self.output, self.latex, self.html) if path]
        _refuse_twice(outputs, "outputs need a file each")
        for path in outputs:
            if path.exists() and not self.force:
                raise OutputError(f"{path}: exists already; choose another place or pass --force")

    @property
    def settings(self) -> EvaluationSettings:
        """The rules to score by: the defaults with the changes asked for."""
        return settings_from(self.rules, **({"clips": self.clips} if self.clips else {}))

    @property
    def intervals(self) -> IntervalSettings | None:
        """How to make intervals; None where 0 replicates were asked for."""
        if self.replicates == 0:
            return None
        usual = IntervalSettings()
        return IntervalSettings(
            usual.replicates if self.replicates is None else self.replicates,
            seed=self.seed or 0,
        )

    def release(self, folder: Path | None) -> Release:
        """Read what is true: a release folder, or published boxes."""
        if self.official:
            return read_official(self.official, self.segments, self.sizes)
        if folder is None:
            raise InputError("where is the truth? name a release folder, or boxes by --official")
        return read_release(folder)

    def baselines(self, release: Release) -> list[Predictions]:
        """Return the trivial systems to set beside those that are scored."""
        settings = self.settings
        return trivial_baselines(release, self.videos, settings.clips, settings.pool)

    def pictures(self, release: Release) -> Pictures | None:
        """Return where the page's pictures come from, if from anywhere."""
        if self.frames:
            return StoredPictures(self.frames, release)
        return VideoPictures(self.videos, release) if self.videos else None


def run_evaluation(folder: Path | None, predictions: Path, options: Options) -> str:
    """Score one predictions file; return what is to be printed.

    Raises:
        DatasetError: wrong input, or an output that exists; see `Options.check`.
    """
    options.check()
    settings, intervals = options.settings, options.intervals
    release, found = options.release(folder), read_predictions(predictions)
    report = evaluate(release, found, settings, options.baselines(release), intervals)
    return _put(report, options, release, [found])


def run_comparison(folder: Path | None, predictions: Sequence[Path], options: Options) -> str:
    """Score predictions files on the same videos; return what is to be printed.

    Systems of one name get their file's name in brackets. A single one is compared with the
    baselines alone.

    Raises:
        DatasetError: as `run_evaluation`.
    """
    options.check()
    _refuse_twice(predictions, "there is nothing to compare")
    settings, intervals = options.settings, options.intervals
    release = options.release(folder)
    systems = _distinct([read_predictions(path) for path in predictions], predictions)
    compared = compare(release, systems, settings, intervals, options.baselines(release))
    return _put(compared, options, release, systems)


def run_tabulation(reports: Sequence[Path], options: Options, *, different_rules: bool) -> str:
    """Put stored reports into one table; return what is to be printed.

    Raises:
        DatasetError: no report, a single one, or reports that do not stand in one table.
    """
    options.check()
    asked = replace(options, latex=None, force=False)
    if asked != Options():
        raise InputError(
            "reports hold their scores already: only --latex, --force and --allow-different-rules "
            "go with them; to score predictions files give --release or --official"
        )
    if len(reports) < 2:
        raise InputError("a table of reports needs two of them or more")
    _refuse_twice(reports, "a table shows each report once")
    try:
        found = [(n, read_report(p)) for n, p in zip(_names(reports), reports, strict=True)]
    except InputError as error:
        raise InputError(
            f"{error}; to score predictions files give --release or --official"
        ) from error
    return _put(tabulate(found, allow_different_rules=different_rules), options)


def _refuse_twice(paths: Sequence[Path], why: str) -> None:
    for path, n in Counter(path.resolve() for path in paths).items():
        if n > 1:
            raise InputError(f"{path}: is given {n} times; {why}")


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the files' names, or their paths where that is what tells them apart."""
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _distinct(systems: Sequence[Predictions], paths: Sequence[Path]) -> list[Predictions]:
    """Return the systems; those that share a name have their file's name behind it."""
    names = Counter(found.system.name for found in systems)
    return [
        replace(found, system=replace(found.system, name=f"{found.system.name} ({file})"))
        if names[found.system.name] > 1
        else found
        for found, file in zip(systems, _names(paths), strict=True)
    ]


def _put(
    found: Report | Comparison,
    options: Options,
    release: Release | None = None,
    systems: Sequence[Predictions] = (),
) -> str:
    """Write the files that were asked for; return what is to be printed."""
    comparison = found if isinstance(found, Comparison) else None
    report = found.report if isinstance(found, Comparison) else found
    _write(options.output, lambda: tables.canonical_json(found.to_json()))
    _write(options.latex, lambda: to_latex(found))
    if options.html and release:
        pictures = options.pictures(release)
        write_page(options.html, report, release, systems, pictures=pictures, comparison=comparison)
    return tables.compact_json(found.to_json()) if options.as_json else to_text(found)


def _write(path: Path | None, text: Callable[[], str]) -> None:
    if path:
        with tables.replaced_file(path) as temporary:
            temporary.write_text(text(), encoding="utf-8")
