from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.device_profiles import list_devices, load_device, runner_for, user_folder
from edgenas.device_profiles.edgetpu import EdgeTpuRunner
from edgenas.device_profiles.litert_runner import LiteRtRunner
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
    with pytest.raises(UsageError, match="Unknown configuration"):
        runner_for(host, "int4")
