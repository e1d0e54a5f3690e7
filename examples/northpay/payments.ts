import { randomUUID } from 'node:crypto';
import type { Skill } from '../company/agent.ts';
import { dataOf, textOf } from '../company/messages.ts';
import { runCompany } from '../company/run-company.ts';

/** Authorises `{amount, currency, reference}`, or what a text says. The last hop: it asks nobody else. */
const authorise: Skill = ({ message, reply, tenantContext }) => {
  const [, saidAmount, saidCurrency] = /(\d{1,7}\.\d{2}) ([A-Z]{3})\b/.exec(textOf(message.parts)) ?? [];
  const { amount = saidAmount, currency = saidCurrency, reference } = dataOf(message.parts);
  if (typeof amount !== 'string' || !/^\d{1,7}\.\d{2}$/.test(amount) || typeof currency !== 'string')
    return Promise.reject(new Error('A payment needs an amount such as 123.45 EUR.'));
  reply.artifact('authorisation', {
    authorisation: randomUUID(),
    amount,
    currency,
    reference: typeof reference === 'string' ? reference : '',
    payer: tenantContext.tenant,
  });
  return Promise.resolve({ summary: `Authorised ${amount} ${currency}.`, used: 1 });
};

await runCompany(
  {
    id: 'northpay',
    name: 'Northpay',
    agent: {
      id: 'payments',
      name: 'Northpay payments',
      description: 'Authorises payments on account of the company that a user works for.',
      streaming: false,
      skill: { id: 'authorise', description: 'Authorise one payment', tags: ['payment'] },
    },
    meter: { key: 'payments', unit: 'payment' },
  },
  authorise,
);
