"""`jukinet code`: resident record codes."""

from typing import Annotated

from cyclopts import App, Parameter

from jukinet.cli.common import DONE, AsJson, give, paper
from jukinet.numbers import resident_code

app = App(name="code", help="Resident record codes (住民票コード).")

EXAMPLES = """Examples:
  jukinet code check 12345678903
  jukinet code check "１２３４５－６７８９０３\""""


@app.command(help_epilogue=EXAMPLES)
def check(
    code: Annotated[str, Parameter(help="Eleven digits; spaces and hyphens may stand between.")],
    *,
    as_json: AsJson = False,
) -> int:
    """Whether a code is well formed: eleven digits, the last one fitting the others.

    A well-formed code need not belong to anybody, and proves nothing about whoever recites it. The
    rule of the check digit is provisional: the official notice (MIC 436/2002) was not read.
    """
    found = resident_code.parse(code)
    result = {"well_formed": True, "masked": found.masked, "check_digit_is_provisional": True}
    give(result, as_json=as_json, show=lambda: paper.print(f"{found.masked}: well formed"))
    return DONE
