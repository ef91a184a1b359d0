"""The report as one designed document, set by Typst; what it says is chosen here, how it looks is in the template."""

from storewatch.reports.exports.pdf.document import write_pdf

__all__ = ["write_pdf"]
