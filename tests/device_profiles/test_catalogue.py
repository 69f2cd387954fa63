from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgenas.device_profiles import Configuration, list_devices, load_device, runner_for, user_folder
from edgenas.device_profiles.edgetpu import EdgeTpuRunner
from edgenas.device_profiles.litert_runner import LiteRtRunner
from edgenas.device_profiles.profile import COLUMN_FORMATS
from edgenas.device_profiles.published import PublishedRunner
from edgenas.errors import UsageError


def _device(name: str, title: str = "mine", aliases: str = "[]") -> str:
    return (
        f'name = "{name}"\ntitle = "{title}"\nkind = "litert"\naliases = {aliases}\n[configurations.int8]\n'
    )


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("EDGENAS_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "edgenas" / "devices"
    folder.mkdir(parents=True)
    assert user_folder() == folder
    return folder


def test_shipped_devices() -> None:
    names = [profile.name for profile in list_devices()]
    assert names == sorted(names) and {"host", "edgetpu"} <= set(names)
    assert load_device("Coral").name == "edgetpu"
    assert load_device("edgetpu").hardware["parameter_mib"] == 8.0
    aliases = [name for profile in list_devices() for name in profile.names]
    assert len(aliases) == len(set(aliases))


def _columns(prefix: str) -> Iterator[tuple[Configuration, str]]:
    for profile in list_devices():
        for configuration in profile.configurations:
            for text in configuration.columns:
                if text.startswith(prefix):
                    yield configuration, text.removeprefix(prefix)


def test_the_formats_of_columns_are_those_that_are_read() -> None:
    from edgenas.latency_models.tables.read import FORMATS

    assert set(COLUMN_FORMATS) - {"edgetpu-published"} == set(FORMATS)


def test_published_columns_are_about_one_configuration() -> None:
    named = [text for _, text in _columns("")]
    assert len(named) == len(set(named))


def test_mobile_configurations_say_what_their_columns_say() -> None:
    found = list(_columns("mobile-ml-benchmark:"))
    assert len(found) == 84
    for configuration, column in found:
        _, cores, dtype = column.split("|")
        assert configuration.dtype == {"quant": "int8", "float": "float32"}[dtype]
        assert configuration.name == f"{cores}-{configuration.dtype}"
        assert configuration.threads == sum(map(int, re.findall(r"\d", cores)))
        assert configuration.cores and configuration.description


@pytest.mark.shared_data
def test_published_columns_exist(shared_data: Path) -> None:
    def header(name: str) -> set[str]:
        with (shared_data / "latency" / f"{name}.csv").open(encoding="utf-8") as file:
            return set(next(file).strip().split(","))

    measured = header("mobile_cnn_e2e")
    phones = {
        text.removesuffix("|mean") for text in measured if text.endswith("|mean") and "|gpu|" not in text
    }
    assert {column for _, column in _columns("mobile-ml-benchmark:")} == phones
    cells = header("nasbench201_edge") | header("nasbench201_mobile")
    assert {f"{column}_ms" for _, column in _columns("nasbench201:")} <= cells
    assert {f"{column}_ms" for _, column in _columns("fbnet:")} <= header("fbnet_mobile")

    from edgenas.latency_models.tables.edgetpu_networks import read_published_edgetpu
    from edgenas.latency_models.tables.read import read_columns

    published = {column.name for column in read_published_edgetpu(shared_data / "latency")}
    assert {column for _, column in _columns("edgetpu-published:")} == published
    for name in ("edgetpu-micro", "edgetpu-sweeps"):
        path = shared_data / "latency" / f"{name.replace('-', '_')}.csv"
        assert {c for _, c in _columns(f"{name}:")} == {c.name for c in read_columns(name, [path])}


def test_what_the_aliases_mean() -> None:
    pixel4 = load_device("mobile-cpu")
    assert pixel4.name == "pixel4" and pixel4.default_configuration == "1large-int8"
    assert (
        "one large core" in pixel4.alias_meanings["mobile-cpu"]
        and "int8" in pixel4.alias_meanings["mobile-cpu"]
    )
    assert "USB 3" in load_device("edgetpu").alias_meanings["edgetpu"]


def test_unknown_device_names_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"Unknown device 'edgetup'. Did you mean 'edgetpu'.*\nSee: edgenas devices list"
    ):
        load_device("edgetup")


def test_the_users_file_comes_first(own_folder: Path, tmp_path: Path) -> None:
    (own_folder / "host.toml").write_text(_device("host"), encoding="utf-8")
    assert load_device("host").title == "mine"
    assert [p.title for p in list_devices() if p.name == "host"] == ["mine"]
    given = tmp_path / "given.toml"
    given.write_text(_device("host", "given", '["g"]'), encoding="utf-8")
    assert load_device("host", given).title == "given"
    assert load_device("g", given).title == "given"
    assert load_device("coral", given).name == "edgetpu"


def test_home_from_the_environment_wins(
    own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGENAS_HOME", str(tmp_path / "home"))
    assert user_folder() == tmp_path / "home" / "devices"


def test_a_wrong_file_disturbs_only_who_asks_for_it(own_folder: Path) -> None:
    (own_folder / "board.toml").write_text("name = 3", encoding="utf-8")
    assert load_device("host").name == "host"
    with pytest.raises(UsageError, match=r"board\.toml, line 1: `name` must be a text. Received 3"):
        load_device("board")
    with pytest.raises(UsageError, match=r"(?s)Unknown device 'bench'.*board\.toml, line 1"):
        load_device("bench")
    with pytest.raises(UsageError, match="line 1"):
        list_devices()


def test_a_missing_device_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.toml cannot be read"):
        load_device("host", tmp_path / "absent.toml")


def test_runner_for_each_kind() -> None:
    host = load_device("host")
    runner = runner_for(host, "float32-2t")
    assert isinstance(runner, LiteRtRunner) and runner.protocol.threads == 2
    assert isinstance(runner_for(load_device("edgetpu")), EdgeTpuRunner)
    assert isinstance(runner_for(load_device("edgetpu"), "lab-eagle"), PublishedRunner)
    assert isinstance(runner_for(load_device("iphonexs")), PublishedRunner)
    with pytest.raises(UsageError, match="Unknown configuration"):
        runner_for(host, "int4")
