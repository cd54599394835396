"""Where Xero's published documents disagree with recorded traffic, or with their own samples, which the stand-in follows.

Each place (`Schema.Property`, or an answer's status) has its reason. A place that no answer needs any more is an error
as well, so that the list stays short.
"""

ENVELOPE = "every recorded answer begins with Id, Status, ProviderName and DateTimeUTC"
SAMPLE = "the document's own samples of answers have it, though its schema doesn't"
LINE = "recorded lines have an empty list of errors in single answers"
OPTION = "recorded options say in three ways whether they are in use"
SERVICES = "recorded invoices have the list, which is empty without a payment service"
QUOTES = "recorded quotes begin with it: they come from another stack than the rest"

STRANGERS = (
    "the document tells nothing of who isn't let in; the bodies are those of Xero's page on troubleshooting"
)

PLACES: dict[str, str] = {
    "answer.401": STRANGERS,
    "answer.403": STRANGERS,
    "envelope.Id": ENVELOPE,
    "envelope.Status": ENVELOPE,
    "envelope.ProviderName": ENVELOPE,
    "envelope.DateTimeUTC": ENVELOPE,
    "envelope.SummarizeErrors": QUOTES,
    "BankTransaction.Attachments": SAMPLE,
    "BankTransaction.DateString": SAMPLE,
    "BankTransfer.Attachments": SAMPLE,
    "BankTransfer.CreatedDateUTCString": SAMPLE,
    "BankTransfer.DateString": SAMPLE,
    "ContactGroup.HasValidationErrors": SAMPLE,
    "CreditNote.DateString": SAMPLE,
    "CreditNote.ID": SAMPLE,
    "HistoryRecord.DateUTCString": SAMPLE,
    "HistoryRecord.ValidationErrors": SAMPLE,
    "Invoice.DateString": SAMPLE,
    "Invoice.DueDateString": SAMPLE,
    "Invoice.InvoicePaymentServices": SERVICES,
    "LineItem.ValidationErrors": LINE,
    "Overpayment.DateString": SAMPLE,
    "Overpayment.ID": SAMPLE,
    "Prepayment.DateString": SAMPLE,
    "Prepayment.ID": SAMPLE,
    "PurchaseOrder.DateString": SAMPLE,
    "PurchaseOrder.DeliveryDateString": SAMPLE,
    "PurchaseOrder.HasErrors": SAMPLE,
    "PurchaseOrder.IsDiscounted": SAMPLE,
    "PurchaseOrder.Type": SAMPLE,
    "TrackingOption.HasValidationErrors": OPTION,
    "TrackingOption.IsActive": OPTION,
    "TrackingOption.IsArchived": OPTION,
    "TrackingOption.IsDeleted": OPTION,
}

PROBE = "a probe tells of nothing, and its sequences are 0, as Xero's page on webhooks has them"
NEWER = "prepayments and overpayments are told of since August and September 2026; the document is older"

LETTERS: dict[str, str] = {
    "letter.firstEventSequence": PROBE,
    "letter.lastEventSequence": PROBE,
    "event.data": NEWER,
    "event.eventCategory": NEWER,
}
