import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import type { Invoice, InvoiceDraft } from './invoice.ts';
import { presentInvoiceContent } from './present-books.ts';

/** Gives a draft its number and its hash: from here on it never changes. */
export function finaliseInvoice(draft: InvoiceDraft, number: number, issuedAt: number): Invoice {
  const content = { ...draft, number: `INV-${String(number).padStart(6, '0')}`, issuedAt };
  return { ...content, contentHash: sha256(canonicalJson(presentInvoiceContent(content))) };
}
