"""`effscale doctor`: what works on this machine and what does not."""

from service.cli.inputs.options import DatabaseUrl, DataDir, Json, settings
from service.cli.presentation.failure import JobFailed
from service.cli.presentation.output import emit
from service.cli.presentation.table import Column, table

COLUMNS = (Column("status"), Column("check"), Column("detail", wraps=True))


def doctor(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Check devices, versions, database, compile cache and disk; ends with status 1 if something has failed."""
    from service.operations.doctor import diagnose

    findings = diagnose(settings(data_dir=data_dir, database_url=database_url))
    if json:
        emit({"checks": [finding.document() for finding in findings]})
    else:
        table(COLUMNS, [(finding.status, finding.name, finding.detail) for finding in findings])
    if failed := [finding.name for finding in findings if finding.status == "failed"]:
        raise JobFailed(f"{len(failed)} of {len(findings)} checks failed: {', '.join(failed)}")
