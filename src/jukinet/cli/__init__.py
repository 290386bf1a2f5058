"""The command line: each command opens a folder, does one task, and says what it came to."""

from cyclopts import App

from jukinet.cli import (
    asking,
    audit,
    code,
    demo,
    enrolling,
    keeper,
    ledger,
    number,
    resident,
    serve,
    town,
    unlocking,
    verify,
    witness,
    world,
)
from jukinet.cli.common import run

app = App(
    name="jukinet",
    help="The Basic Resident Register Network (住民基本台帳ネットワーク), open and checkable.",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
    help_epilogue="Begin with:  jukinet demo\nThen:        jukinet verify demo",
)

app.command(demo.demo, help_epilogue=demo.EXAMPLES)
app.command(unlocking.unlock, help_epilogue=unlocking.UNLOCK_EXAMPLES)
app.command(unlocking.lock, help_epilogue=unlocking.LOCK_EXAMPLES)
app.command(unlocking.passphrase_app)
app.command(verify.verify, help_epilogue=verify.EXAMPLES)
app.command(serve.serve, help_epilogue=serve.EXAMPLES)
app.command(audit.audit, help_epilogue=audit.EXAMPLES)
app.command(asking.ask, help_epilogue=asking.EXAMPLES)
app.command(enrolling.enrol, help_epilogue=enrolling.EXAMPLES)
app.command(resident.statement, help_epilogue=resident.EXAMPLES)
app.command(ledger.schedules, help_epilogue=ledger.SCHEDULES_EXAMPLES)
app.command(ledger.objection)
app.command(ledger.sample, help_epilogue=ledger.SAMPLE_EXAMPLES)
app.command(world.app)
app.command(town.app)
app.command(code.app)
app.command(number.app)
app.command(witness.app)
app.command(keeper.app)


def main() -> None:
    """The entry point of the `jukinet` command."""
    run(app)
