"""Prints, as JSON, the statements that make picosnitch's database, read from its source.

python3 picosnitch.py FOLDER: the unpacked package is in FOLDER. Nothing of it is run.
"""

import ast
import json
import pathlib
import sys

package = pathlib.Path(sys.argv[1]) / "picosnitch"

texts = {}
for statement in ast.parse((package / "constants.py").read_text()).body:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
            texts[name] = value


def text(node):
    """What a text or a text with names in it stands for."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = [part.value if isinstance(part, ast.Constant) else texts[part.value.id] for part in node.values]
    return "".join(str(part) for part in parts)


def is_statement(node):
    return isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "execute"


statements = []
for node in ast.walk(ast.parse((package / "cli.py").read_text())):
    if is_statement(node):
        try:
            sql = text(node.args[0])
        except (AttributeError, KeyError):
            continue
        if sql.startswith(("CREATE TABLE", "CREATE INDEX", "INSERT INTO")):
            statements.append(sql)
# Tables first: what is walked has no order.
statements.sort(key=lambda sql: not sql.startswith("CREATE TABLE"))
print(json.dumps(statements))
