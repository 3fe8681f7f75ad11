"""One round of the whole circle, driven through the three programs' commands alone.

    python examples/round.py demo-run --seed 0 [--once] [--small]

Renders a world, imports its held-out videos, lets a simulated crowd of nine answer over HTTP while
the model trains on the narrated videos, each after a qualification and with hidden frames of known
answers among the rest, takes the snapshot, builds and verifies the release,
evaluates the model on the crowd's release and on the exact truth, suggests centres for the open
videos and lets the crowd answer some of those frames with the hints. Then it serves the pages and
prints invite links; with `--once` it stops before that. The last line is one JSON object. `--small`
goes round with a few videos and steps: it shows in a minute that every road is open, and teaches
the model next to nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
N_PEOPLE = 9
GOLD_PART = "validation"
UNDO_WINDOW_S = 60
SMALL_WORLD = ("--train", 4, "--validation", 1, "--held-out", 2, "--open", 1)
SMALL_TRAINING = (
    *("--set", "training.steps=20"),
    *("--set", "training.batch=4", "--set", "training.local_batch=4"),
)
SMALL_UNDO_WINDOW_S = 1


class Round:
    """One run in one folder; each step is a command that a person could type."""

    def __init__(self, folder: Path, seed: int, *, small: bool = False) -> None:
        """Start from an empty folder: what an earlier run left there goes away."""
        self.folder = folder.resolve()
        self.seed = seed
        self.small = small
        self.undo_window_s = SMALL_UNDO_WINDOW_S if small else UNDO_WINDOW_S
        self.world = self.folder / "world"
        self.home = self.folder / "annot"
        self.started = time.monotonic()
        if self.folder.exists():
            if not (self.folder / "round.log").exists():
                sys.exit(f"{folder}: exists and is no earlier run; choose another folder")
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        self.log = (self.folder / "round.log").open("w", encoding="utf-8")
        self.running: list[Any] = []

    def say(self, text: str) -> None:
        """Tell the person who waits what happens now."""
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", file=sys.stderr, flush=True)

    def start(self, program: str, *arguments: object, out: Any = subprocess.PIPE) -> Any:
        """Start a command of ours; what it writes to stderr goes to round.log."""
        command = [str(BIN / program), *map(str, arguments)]
        print("$", *command, file=self.log, flush=True)
        process = subprocess.Popen(command, stdout=out, stderr=self.log, text=True)
        self.running.append(process)
        return process

    def stop(self) -> None:
        """End what still runs, so that a round that fails leaves nothing behind."""
        for process in self.running:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=30)

    def finish(self, process: Any) -> str:
        """Wait for a command; stop the whole round with its last words where it failed."""
        out, _ = process.communicate()
        print(out or "", file=self.log, flush=True)
        if process.returncode != 0:
            tail = (self.folder / "round.log").read_text(encoding="utf-8")[-1500:]
            sys.exit(f"{' '.join(process.args)} failed ({process.returncode}):\n{tail}")
        return str(out or "")

    def run(self, program: str, *arguments: object) -> str:
        """Run a command of ours to its end and return what it printed."""
        return self.finish(self.start(program, *arguments))

    def server(self, *arguments: object) -> str:
        """Run an annot-server command on this round's home."""
        return self.run("annot-server", "--home", self.home, *arguments)

    def invite(self, role: str, url: str, *who: object) -> str:
        """Return fresh invite links, one a line; many have their person's name before them."""
        return self.server("invite", *who, "--role", role, "--base-url", url)

    def crowd(self, url: str, truth: Path, n_people: int, seed: int) -> dict[str, Any]:
        """Let new people answer everything that `truth` knows, and known frames on the way."""
        invited = self.invite("annotator", url, "--count", n_people, "--prefix", "Person ")
        links = self.folder / f"invites-{seed}.txt"
        lines = [line.split("\t")[1] + "\n" for line in invited.splitlines()]
        links.write_text("".join(lines), encoding="utf-8")
        arguments = ("--server", url, "--truth", truth, "--invites", links, "--seed", seed)
        arguments += ("--truth", self.world / GOLD_PART / "truth")
        out = self.run("python", HERE / "simulated_crowd.py", *arguments)
        return dict(json.loads(out.splitlines()[-1]))

    @contextlib.contextmanager
    def serving(self, port: int) -> Iterator[str]:
        """Run the real server on this machine until the block ends."""
        url = f"http://127.0.0.1:{port}"
        process = self.start(
            "annot-server", "--home", self.home, "run", "--port", port, out=self.log
        )
        try:
            wait_until_up(url, process)
            yield url
        finally:
            self.stop()

    def circle(self, url: str) -> dict[str, Any]:
        """Go once round; return the figures of the round."""
        world, folder = self.world, self.folder
        release, predictions = folder / "release", folder / "predictions.jsonl"
        checkpoint, prelabels = folder / "model", folder / "prelabels.jsonl"

        self.say("the model begins to train on the narrated videos")
        training = self.start(
            *("stg-model", "train", checkpoint),
            *("--videos", world / "train/videos"),
            *("--transcripts", world / "train/transcripts.json"),
            *("--validation", world / "validation", "--set", f"training.seed={self.seed}"),
            *(SMALL_TRAINING if self.small else ()),
        )
        self.say("nine people answer the held-out frames meanwhile")
        crowd = self.crowd(url, world / "held-out/truth", N_PEOPLE, self.seed)
        self.say(f"{crowd['answers']} answers in {crowd['seconds']} s")
        crowd_ended = time.monotonic()
        self.finish(training)
        self.say("trained; snapshot, release, verification")
        # Answers younger than a minute can still be undone, so a snapshot leaves them out (R7).
        time.sleep(max(0, crowd_ended + self.undo_window_s + 1 - time.monotonic()))
        self.server("export-snapshot", folder / "snapshot")
        built = json.loads(
            self.run(
                *("dataset-builder", "build", folder / "snapshot", release),
                *("--name", "rendered-world", "--version", "1.0.0", "--json"),
            )
        )
        self.run("dataset-builder", "verify", release)
        self.run(
            *("dataset-builder", "contact-sheet", release, folder / "contact-sheet.png"),
            *("--frames", self.home / "frames"),
        )
        self.say("evaluation on the crowd's release and on the exact truth")
        videos = world / "held-out/videos"
        self.run(
            *("stg-model", "ground", checkpoint, "--videos", videos),
            *("--release", release, "--output", predictions),
        )
        page = ("--html", folder / "evaluation.html", "--frames", self.home / "frames")
        on_crowd = self.evaluate(release, predictions, videos, *page)
        on_truth = self.evaluate(world / "held-out/truth", predictions, videos)
        self.say("prelabels for the open frames, then some answers with hints")
        self.import_clips("open", "--no-benchmark")
        self.run(
            *("stg-model", "prelabel", checkpoint, "--videos", world / "open/videos"),
            *("--clips", world / "open/clips.csv", "--output", prelabels),
        )
        imported = json.loads(self.server("import-prelabels", prelabels, "--json"))
        helped = self.crowd(url, world / "open/truth", 3, self.seed + 1)
        audit = json.loads(self.server("audit", "--json"))
        return {
            "frames": audit["frames"],
            "answers": audit["answers"],
            "assisted_answers": helped["assisted"],
            "over_assigned": audit["over_assigned"],
            "duplicate_answers": audit["duplicate_answers"],
            "release_sha256": built["release_sha256"],
            "pointing": {name: on_crowd[name]["pointing"] for name in on_crowd},
            "pointing_true": {name: on_truth[name]["pointing"] for name in on_truth},
            "iou_pointing": {n: on_crowd[n]["iou_pointing"] for n in ("model", "random")},
            "temporal_iou": on_crowd["model"]["temporal_iou"],
            "prelabels": imported["imported"],
            "crowd_spread_px": crowd["spread_px"],
            "answers_per_s": round(crowd["answers"] / crowd["seconds"], 1),
            "gold": self.gold(crowd),
        }

    def gold(self, crowd: dict[str, Any]) -> dict[str, Any]:
        """Return what known answers say of the first crowd, whose last person is careless."""
        scores = {row["name"]: row for row in json.loads(self.server("scores", "--json"))}
        people = [scores[f"Person {n + 1:02}"] for n in range(N_PEOPLE)]
        careless = people.pop()
        n_gold = sum(person["gold_answers"] for person in people)
        n_right = sum((person["gold_right"] or 0) * person["gold_answers"] for person in people)
        return {
            "questions": crowd["questions"],
            "unqualified": crowd["unqualified"],
            "answers": n_gold + careless["gold_answers"],
            "right_careful": round(n_right / n_gold, 3) if n_gold else None,
            "right_careless": careless["gold_right"],
            "careless_is_paused": careless["paused_at"] is not None,
            "paused": crowd["paused"],
        }

    def prepare(self) -> None:
        """Render the world, set up a server of our own, import what is to be answered."""
        self.say("rendering a narrated world")
        sizes = SMALL_WORLD if self.small else ()
        self.run("stg-model", "render-world", self.world, "--seed", self.seed, *sizes)
        self.say("a server of our own; importing the held-out clips")
        self.server("init")
        self.set("undo_window_s", self.undo_window_s)
        self.set("qualification_wait_s", 0)
        self.import_clips("held-out")
        self.import_gold()

    def set(self, name: str, value: int) -> None:
        """Change one of the server's settings."""
        config = self.home / "config.toml"
        lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
        changed = [f"{name} = {value}\n" if x.startswith(f"{name} =") else x for x in lines]
        config.write_text("".join(changed), encoding="utf-8")

    def import_gold(self) -> None:
        """Bring in exact truth of videos that nobody annotates, to qualify people and hidden."""
        part = self.world / GOLD_PART
        known = ("python", HERE / "known_answers.py", part / "truth")
        before: tuple[object, ...] = ()
        for purpose, frames, hidden in (("qualification", 10, 2), ("hidden", 40, 12)):
            csv_path = self.folder / f"{purpose}.csv"
            how_many = ("--frames", frames, "--not-visible", hidden, "--seed", self.seed)
            self.run(*known, csv_path, *how_many, *before)
            self.server(
                *("import-gold", csv_path, "--videos", part / "videos", "--purpose", purpose)
            )
            before = ("--but-not", csv_path)

    def import_clips(self, part: str, *options: str) -> None:
        """Import one part of the world: its clips and their frames."""
        part_folder = self.world / part
        self.server(
            *("import-clips", part_folder / "clips.csv", "--videos", part_folder / "videos"),
            *("--split", part, *options),
        )

    def evaluate(
        self, release: Path, predictions: Path, videos: Path, *options: object
    ) -> dict[str, Any]:
        """Score the predictions; return each system's metrics by its short name."""
        arguments = ("evaluate", release, predictions, "--videos", videos, "--json")
        report = json.loads(self.run("stg-model", *arguments, *options))
        short = {"centre point": "centre", "fixed box": "fixed_box", "strongest motion": "motion"}
        return {
            "model" if s["kind"] == "submitted" else short.get(s["name"], s["name"]): s
            for s in report["systems"]
        }


def wait_until_up(url: str, process: Any) -> None:
    """Return when the server answers; stop the round when it ended or stays silent."""
    for _ in range(300):
        if process.poll() is not None:
            sys.exit("the server ended while starting; see round.log")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/static/style.css", timeout=1).close()
            return
        time.sleep(0.1)
    sys.exit(f"{url} did not answer within 30 s; see round.log")


def free_port(wanted: int = 0) -> int:
    """Return a port that nobody listens on at this moment: the wanted one, if any.

    Raises:
        OSError: somebody listens on the wanted one.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return int(probe.getsockname()[1])


def serve_until_interrupted(this: Round, url: str) -> None:
    """Print what to open, open it where there is a screen, and wait for Ctrl-C."""
    annotator = this.invite("annotator", url, "You, annotating").strip()
    maintainer = this.invite("maintainer", url, "You, maintaining").strip()
    print(f"\nAnnotate:  {annotator}\nMaintain:  {maintainer}")
    print(f"Contact sheet of the release: {this.folder / 'contact-sheet.png'}")
    print(f"Evaluation of the model:      {this.folder / 'evaluation.html'}")
    print("Each link works once. Ctrl-C stops the server.", flush=True)
    if os.environ.get("DISPLAY") or sys.platform == "darwin":
        webbrowser.open(annotator)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def main() -> int:
    """Run the round as the command line says; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--once", action="store_true", help="stop before serving the pages")
    parser.add_argument("--small", action="store_true", help="a few videos and steps")
    parser.add_argument("--port", type=int, default=8000, help="for serving the pages")
    parser.add_argument("--setup-seconds", type=float, default=0)
    options = parser.parse_args()
    if not options.once:
        try:
            free_port(options.port)
        except OSError:
            sys.exit(f"port {options.port} is taken; end what runs there or choose another PORT")
    # Being ended must end the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    this = Round(options.folder, options.seed, small=options.small)
    this.prepare()
    with this.serving(free_port()) as url:
        result = this.circle(url)
    result["setup_seconds"] = options.setup_seconds
    result["seconds"] = round(time.monotonic() - this.started, 1)
    this.say("once round")
    print(json.dumps(result), flush=True)
    if not options.once:
        with this.serving(options.port) as url:
            serve_until_interrupted(this, url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
