"""`effscale doctor`: what works on this machine and what does not."""

from service.cli.inputs.options import DatabaseUrl, DataDir, Json, settings
from service.cli.presentation.failure import JobFailed
from service.cli.presentation.output import console, emit

MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "failed": "[red]failed[/]"}


def doctor(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Check devices, versions, database, compile cache and disk; ends with status 1 if something has failed."""
    from rich.markup import escape
    from rich.table import Table

    from service.operations.doctor import diagnose

    findings = diagnose(settings(data_dir=data_dir, database_url=database_url))
    if json:
        emit({"checks": [finding.document() for finding in findings]})
    else:
        table = Table(box=None, show_header=False)
        for finding in findings:
            table.add_row(MARKS[finding.status], finding.name, escape(finding.detail))
        console().print(table)
    if failed := [finding.name for finding in findings if finding.status == "failed"]:
        raise JobFailed(f"{len(failed)} of {len(findings)} checks failed: {', '.join(failed)}")
