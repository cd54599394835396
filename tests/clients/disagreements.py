"""Where Xero's recorded traffic disagrees with its published documents, and the stand-in follows the traffic.

Each place (`Schema.Property`) has its reason. A place that no answer needs any more is an error as well, so that the
list stays short.
"""

ENVELOPE = "every recorded answer begins with Id, Status, ProviderName and DateTimeUTC"
DAY = "recorded documents have their dates as plain text as well"
LINE = "recorded lines have an empty list of errors in single answers"
OPTION = "recorded options say all three ways whether they are in use"
SERVICES = "recorded invoices have the list, which is empty without a payment service"

PLACES: dict[str, str] = {
    "envelope.Id": ENVELOPE,
    "envelope.Status": ENVELOPE,
    "envelope.ProviderName": ENVELOPE,
    "envelope.DateTimeUTC": ENVELOPE,
    "Invoice.DateString": DAY,
    "Invoice.DueDateString": DAY,
    "Invoice.InvoicePaymentServices": SERVICES,
    "LineItem.ValidationErrors": LINE,
    "TrackingOption.HasValidationErrors": OPTION,
    "TrackingOption.IsActive": OPTION,
    "TrackingOption.IsArchived": OPTION,
    "TrackingOption.IsDeleted": OPTION,
}
