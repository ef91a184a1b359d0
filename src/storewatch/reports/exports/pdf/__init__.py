"""The report as one designed document, set by Typst. The code chooses the content, the template the looks."""

from storewatch.reports.exports.pdf.document import write_pdf

__all__ = ["write_pdf"]
