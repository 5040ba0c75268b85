"""The schema of the configuration is one (draft 7), takes what is shipped and what docs/ shows, and refuses what is wrong."""

import json
import pathlib
import sys
import tomllib

from jsonschema import Draft7Validator

SCHEMA = json.loads(pathlib.Path("conf/weir.schema.json").read_text())
# An example may show some keys of a table, without its heading and without the keys that it is not about.
HEADINGS = [
    "",
    "[[listener]]\n",
    "[[node]]\n",
    "[[pool]]\n",
    "[[pool]]\n[pool.health]\n",
    "[[site]]\n",
    "[[site]]\n[[site.route]]\n",
]


def main():
    Draft7Validator.check_schema(SCHEMA)
    shipped = [*sorted(pathlib.Path("conf").glob("*.toml")), *pathlib.Path("packaging").rglob("weir.toml")]
    whole = [path.read_text() for path in shipped]
    for text in whole:
        refused = list(wrong(tomllib.loads(text)))
        assert not refused, refused
    examples = [example for page in sorted(pathlib.Path("docs").glob("*.md")) for example in examples_of(page)]
    for page, text in examples:
        tables = [table for heading in HEADINGS if (table := read(heading + text)) is not None]
        # An example that has a key twice, to show both values, is no TOML.
        if tables and not any(fits(table) for table in tables):
            sys.exit(f"{page}: {list(wrong(tables[0]))}\n{text}")
    bad = tomllib.loads(whole[0])
    bad["pool"][0]["balance"] = "least_conn"
    bad["pool"][0]["helth"] = {}
    said = " ".join(error.message for error in wrong(bad))
    assert "least_conn" in said and "helth" in said, said
    print(f"ok: the schema takes {len(whole)} files and {len(examples)} examples of docs/, and refuses a wrong word and a wrong key")


def examples_of(page):
    for rest in page.read_text().split("```toml\n")[1:]:
        yield page, rest.split("```")[0]


def read(text):
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def wrong(table):
    return leaves(Draft7Validator(SCHEMA).iter_errors(table))


def leaves(errors):
    for error in errors:
        yield from leaves(error.context) if error.context else [error]


def fits(table):
    return all(error.validator == "required" for error in wrong(table))


main()
