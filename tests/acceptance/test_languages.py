"""Readers and their languages, through the command line."""

from pathlib import Path

from house import House


def outcome(house: House, email: str) -> tuple[str, str]:
    """The text and the HTML of a preview."""
    folder = house.folder / email
    house("preview", email, "--out", str(folder))
    text, html = (next(Path(folder).rglob(f"*.{kind}")).read_text(encoding="utf-8") for kind in ("txt", "html"))
    return text, html


def test_every_reader_gets_an_issue_in_their_language(house: House) -> None:
    newsletter = {**house.config["newsletter"], "language": "fr"}
    house.write(newsletter=newsletter, subscribers=[{"email": "file@example.org", "language": "es"}])
    assert "added" in house("subscribe", "anna@example.org", "--language", "DE").stderr
    house("subscribe", "ann@example.org")
    house("fetch")
    for email, words, tag in (
        ("anna@example.org", "Die Artikel des Tages nach Stimmen.", "de"),
        ("ann@example.org", "Les articles du jour, par nombre de votes.", "fr"),
        ("file@example.org", "Los artículos del día, por votos.", "es"),
    ):
        text, html = outcome(house, email)
        assert words in text
        assert words in html
        assert f'lang="{tag}"' in html


def test_a_language_goes_out_to_files_and_comes_back(house: House) -> None:
    house.write(subscribers=[])
    house("subscribe", "anna@example.org", "--language", "zh")
    for name in ("readers.csv", "readers.yaml"):
        house("subscribers", "export", name)
        assert house("subscribers", "import", name).stderr == "1 unchanged\n"
    text = (house.folder / "readers.csv").read_text()
    (house.folder / "readers.csv").write_text(text.replace("zh", "de"))
    assert "language: zh → de" in house("subscribers", "import", "readers.csv").stdout
    assert house.json("subscribers", "show", "anna@example.org")["language"] == "de"


def test_an_unknown_language_is_told_with_the_known_ones(house: House) -> None:
    known = "write one of de, en, es, fr, zh"
    assert known in house("subscribe", "anna@example.org", "--language", "tlh", code=65).stderr
    house.write(subscribers=[{"email": "file@example.org", "language": "tlh"}])
    assert known in house("config", "check", code=78).stderr
