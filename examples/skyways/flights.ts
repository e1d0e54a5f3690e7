import { TaskState } from '@a2a-js/sdk';
import type { Skill } from '../company/agent.ts';
import { dataOf, request } from '../company/messages.ts';
import { runCompany } from '../company/run-company.ts';

interface Offer extends Readonly<Record<string, unknown>> {
  readonly flight: string;
  readonly departs: string;
  readonly price: string;
  readonly currency: string;
}

const schedule = [
  { suffix: '102', departs: '07:40', price: '189.00' },
  { suffix: '418', departs: '12:15', price: '129.50' },
  { suffix: '733', departs: '19:05', price: '154.20' },
];

/** Finds flights for `{from, to, date}`, one after the other into one streamed artifact, and books the cheapest. */
const book: Skill = async ({ message, reply, connect }) => {
  const { from, to, date } = dataOf(message.parts);
  if (typeof from !== 'string' || typeof to !== 'string' || typeof date !== 'string')
    throw new Error('A booking needs {from, to, date}.');
  reply.status(TaskState.TASK_STATE_WORKING, `Looking for flights from ${from} to ${to} on ${date}`);
  const offers = schedule.map(({ suffix, departs, price }): Offer => ({
    flight: `SK${suffix}`,
    departs: `${date}T${departs}`,
    price,
    currency: 'EUR',
  }));
  for (const [index, offer] of offers.entries())
    reply.artifact('offers', offer, { append: index > 0, last: index === offers.length - 1 });

  const [cheapest] = offers.toSorted((one, other) => Number(one.price) - Number(other.price));
  if (cheapest === undefined) throw new Error('There is no flight on that day.');
  reply.status(TaskState.TASK_STATE_WORKING, `Booking ${cheapest.flight} for ${cheapest.price} EUR`);
  const payment = await pay(await connect('northpay/payments'), cheapest);
  reply.artifact('booking', { ...cheapest, from, to, payment });
  return { summary: `Booked ${cheapest.flight}.`, used: offers.length };
};

async function pay(payments: Awaited<ReturnType<Parameters<Skill>[0]['connect']>>, offer: Offer) {
  const { price: amount, currency, flight: reference } = offer;
  const paid = await payments.sendMessage(
    request(`Authorise ${amount} ${currency}`, { amount, currency, reference }),
  );
  if (!('status' in paid) || paid.status?.state !== TaskState.TASK_STATE_COMPLETED)
    throw new Error('The payment was not authorised.');
  return dataOf(paid.artifacts.flatMap(({ parts }) => parts));
}

await runCompany(
  {
    id: 'skyways',
    name: 'Skyways',
    agent: {
      id: 'flights',
      name: 'Skyways flights',
      description: 'Searches and books flights, and streams what it finds.',
      streaming: true,
      skill: { id: 'book', description: 'Search flights and book the cheapest', tags: ['travel', 'flight'] },
    },
    meter: { key: 'searches', unit: 'search' },
  },
  book,
);
