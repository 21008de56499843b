from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from omegaconf import DictConfig, OmegaConf
from script_runner import run_script
from settings import CONF, settings_of

from sgnet.commands.overrides import with_plus, with_quotes
from sgnet.commands.start import hydras, start

# each as a shell hands it over
NAMES = [
    "a.mp4",
    "Holiday [a1].mp4",
    "(x).mp4",
    "clip(1)",
    "{x}",
    "{x: 1}",
    "[a,b]",
    "a,b.mp4",
    "a=b.mp4",
    "it's.mp4",
    "'half",
    'a "b" c',
    "#1 & 50%.mp4",
    "~home$x.mp4",
    " spaces around ",
    "caf\u00e9.mp4",
    unicodedata.normalize("NFD", "caf\u00e9.mp4"),
    "\u5e74.mp4",
    "C:\\x\\y.mp4",
    "ends in \\",
    "2024-05-01T12:30:45.mp4",
    "2024",
    "007",
    "1_000",
    "1e5",
    "true",
    "inf",
    "-x",
    "--m",
    "a\nb",
    "a\tb",
    "a${b",
    "!*?<>|;`.mp4",
    "source=decoder.x=1",
]


@pytest.fixture(autouse=True)
def _own_hydra(monkeypatch, tmp_path):
    """Hydra's state, the command line and the current folder are as before afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    state = Singleton.get_state()
    yield
    Singleton.set_state(state)


def composed(name: str, *arguments: str) -> DictConfig:
    return settings_of(name, *hydras(name, arguments))


def value_of(name: str, key: str, text: str) -> object:
    """What a command gets for `key=text`: as Hydra parses it and OmegaConf resolves it."""
    (override,) = OverridesParser.create().parse_overrides(hydras(name, [f"{key}={text}"]))
    assert override.key_or_group == key
    return OmegaConf.create({"value": override.value()}).value


@pytest.mark.parametrize("text", NAMES)
def test_a_name_is_what_was_typed_in_every_main(text):
    for name, keys in {
        "predict": ("source", "output", "checkpoint"),
        "score": ("annotations", "results", "output"),
        "convert": ("source", "images", "source_video", "like", "output", "split", "from.videos"),
        "train": ("data.root", "resume", "paths.run_dir", "data.sources.0.root", "model.weights"),
        "tune_tracker": ("cache", "detect.cache", "data.val_split"),
        "report": ("runs", "other") if not text.startswith("[a,") else ("other",),
    }.items():
        assert {key: value_of(name, key, text) for key in keys} == dict.fromkeys(keys, text)


def test_a_second_time_changes_nothing():
    once = hydras("predict", [f"source={text}" for text in NAMES])
    assert hydras("predict", once) == once


# what Hydra can do, as a user of it writes it; with -m where that is a sweep
FORMS = [
    "source=",
    "source=null",
    "source='a b'",
    'source="null"',
    r"source='\${x}'",
    r"source=a\ b\,c",
    r"source=a\\b",
    "source=str(1)",
    "source=int(1)",
    "source=${output}/a.mp4",
    "source=${oc.env:HOME}",
    "++source=a.mp4",
    "+source=a.mp4",
    "~source",
    "~source=a.mp4",
    "runs=[a,'b c']",
    "data=shapes_small",
    "data@here=shapes_small",
    "hydra/launcher=basic",
    "hydra.run.dir=${output}/x",
    "depths=[50,101]",
    "straightforward=[]",
    "decoder={score_threshold:0.5}",
    "max_frames=3",
    "overlay=false",
    "device=null",
    "paper.AP=3.5",
]
SWEEPS = [
    "source=a,b",
    "source='a b',c",
    "source=choice(a,b)",
    "source=shuffle(a,b)",
    "checkpoint=glob(*)",
    "data.root=a,b",
    "seed=range(1,3)",
    "min_score=interval(0,1)",
    "model.weights=imagenet,null",
]


def parsed(overrides: list[str]) -> list:
    """As plain Hydra parses them; an override keeps its text, so only its parts are compared."""
    found = OverridesParser.create().parse_overrides(overrides)
    return [(o.type, o.key_or_group, o.package, o.value_type, o._value) for o in found]


@pytest.mark.parametrize("name", ["predict", "report", "train", "benchmark"])
def test_what_hydra_can_do_stays_what_it_is(name):
    assert hydras(name, FORMS) == FORMS
    with_flag = [*SWEEPS, *FORMS, "-m"]
    assert hydras(name, with_flag) == with_flag
    assert parsed(hydras(name, SWEEPS + ["hydra.mode=MULTIRUN"])[:-1]) == parsed(SWEEPS)


def test_without_a_sweep_a_comma_is_part_of_a_name_and_lists_are_names_of_settings_without_lists():
    assert composed("predict", "source=a,b", "output=[a]").source == "a,b"
    assert composed("predict", "source=a,b", "output=[a]").output == "[a]"
    assert composed("report", "runs=[a,b]").runs == ["a", "b"]
    assert hydras("predict", ["min_score=1,2"]) == ["min_score=1,2"]  # Hydra says what to do


def test_flags_are_left_alone():
    arguments = ["--config-dir", "a (b)", "--cfg", "job", "-cp=source=(x)"]
    assert with_quotes(arguments, lambda key: True, lambda key: False) == arguments


@pytest.mark.parametrize("text", ["a,b", "choice(a,b)", "${x}.mp4", "'x'", r"a\ b", "[a,b]"])
def test_a_file_that_is_there_is_meant_even_in_a_sweep(text, tmp_path):
    sweep = hydras("predict", [f"source={text}", "-m"])
    (tmp_path / text).touch()
    overrides = hydras("predict", [f"source={text}", "-m"])[:-1]
    assert settings_of("predict", *overrides).source == text
    assert overrides[:1] != sweep[:1] or text == "[a,b]"  # which is no list there


def test_null_stays_null_beside_a_file_of_that_name(tmp_path):
    (tmp_path / "null").touch()
    assert composed("score", "output=null").output is None
    assert composed("score", "output='null'").output == "null"


def test_an_interpolation_goes_together_with_any_other_signs():
    cfg = composed("predict", "output=out", "source=${output}/Holiday [a1].mp4")
    assert cfg.source == "out/Holiday [a1].mp4"
    nested = composed("predict", "source=${oc.env:NONE_OF_IT,${oc.env:NEITHER,x}} (1)")
    assert nested.source == "x (1)"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["decoder.top_k=1"], ["decoder.top_k=1"]),
        (["+decoder.top_k=1"], ["++decoder.top_k=1"]),
        (["++decoder.top_k=1"], ["++decoder.top_k=1"]),
        (["decoder.other=1"], ["++decoder.other=1"]),
        (["+inference.decoder.top_k=1"], ["++inference.decoder.top_k=1"]),
        (["source=decoder.x=1"], ["source=decoder.x=1"]),
        (["~decoder.top_k", "+other=1"], ["~decoder.top_k", "+other=1"]),
    ],
)
def test_settings_of_decoder_and_tracker_are_the_same_with_plus_and_without(given, expected):
    assert with_plus(given, {"decoder": ["top_k"], "tracker": []}) == expected


@pytest.mark.parametrize("plus", ["", "+", "++"])
@pytest.mark.parametrize("name", ["predict", "evaluate", "diagnose", "export", "tune_tracker"])
def test_every_main_takes_the_settings_of_decoder_and_tracker(name, plus):
    node = "detect.decoder" if name == "tune_tracker" else "decoder"
    cfg = composed(name, f"{plus}{node}.score_threshold=.2", f"{plus}tracker.max_age=3")
    assert cfg.tracker.max_age == 3
    assert (cfg.detect if name == "tune_tracker" else cfg).decoder.score_threshold == 0.2


NASTY = 'It\'s a "(1)" {x}, [b]=c #\u00e9 ${.mp4'


@pytest.mark.parametrize(
    ("name", "key", "others"),
    [
        ("predict", "source", ("checkpoint=c", "output=o")),
        ("score", "results", ("annotations=a",)),
        ("convert", "source", ("from=cvat", "output=o")),
        ("train", "resume", ("hydra.run.dir=out (1)",)),
    ],
)
def test_a_main_gets_the_name_whole(name, key, others, tmp_path):
    found = []
    start(name, lambda cfg: found.append(cfg[key]), CONF, [f"{key}={NASTY}", *others])
    assert found == [NASTY]
    assert name != "train" or (tmp_path / "out (1)/.hydra/overrides.yaml").is_file()


def test_a_sweep_hands_names_on_to_its_runs():
    found = []
    sweep = (f"output={NASTY}", "source=a b,'c, [d]'", "checkpoint=2024", "-m")
    own = ("hydra.sweep.dir=.", "hydra.sweep.subdir=.")
    run = lambda cfg: found.append((cfg.source, cfg.output, cfg.checkpoint))  # noqa: E731
    start("predict", run, CONF, [*own, *sweep])
    assert found == [("a b", NASTY, "2024"), ("c, [d]", NASTY, "2024")]


def test_a_script_reads_and_writes_files_of_such_names(tmp_path):
    golden = Path(__file__).parents[1] / "golden/basic_mixed"
    for file, name in (("gt.json", "a [1], (b).json"), ("results.json", "it's = '2'.json")):
        (tmp_path / name).write_bytes((golden / file).read_bytes())
    names = {"annotations": "a [1], (b).json", "results": "it's = '2'.json", "output": "2024"}
    done = run_script("score.py", tmp_path, **names)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "2024").is_file()
