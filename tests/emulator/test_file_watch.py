"""Which changes of files are noticed."""

from pathlib import Path

from app.emulator.file_watch import changed_files, snapshot


def test_a_snapshot_sees_what_changes_and_leaves_out_what_nobody_edits(tmp_path: Path) -> None:
    for name in ("app/a.py", "app/b.py", "node_modules/x.js", ".git/index", "app/.swp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    before = snapshot(tmp_path)

    (tmp_path / "app/a.py").write_text("22")
    (tmp_path / "app/b.py").unlink()
    (tmp_path / "app/c.py").write_text("3")
    (tmp_path / "node_modules/x.js").write_text("22")

    assert sorted(before) == ["app/a.py", "app/b.py"]
    assert changed_files(before, snapshot(tmp_path)) == ["app/a.py", "app/b.py", "app/c.py"]
