import { quantityValue } from './quantity.ts';
import type { Meter } from './meters.ts';
import { quantityScale } from './money.ts';

interface Observation {
  /** Canonical decimal. */
  readonly quantity: string;
  readonly at: number;
  readonly key: string;
}

/** Plain JSON, so that it can be kept and gone on with. */
export interface AccumulatorState {
  /** At quantity scale, as a decimal integer. */
  readonly value: string;
  readonly events: number;
  readonly lastAt: number;
  readonly lastKey: string;
}

/** Many quantities become one, in whatever order they come. */
export class Accumulator {
  readonly #aggregation: Meter['aggregation'];
  #value = 0n;
  #events = 0;
  #lastAt = -1;
  #lastKey = '';

  constructor(aggregation: Meter['aggregation'], from?: AccumulatorState) {
    this.#aggregation = aggregation;
    if (from === undefined) return;
    this.#value = BigInt(from.value);
    this.#events = from.events;
    this.#lastAt = from.lastAt;
    this.#lastKey = from.lastKey;
  }

  add({ quantity, at, key }: Observation): void {
    const value = quantityValue(quantity);
    this.#events++;
    switch (this.#aggregation) {
      case 'sum':
        this.#value += value;
        break;
      case 'count':
        this.#value += 10n ** BigInt(quantityScale);
        break;
      case 'max':
        if (value > this.#value) this.#value = value;
        break;
      case 'latest':
        if (at > this.#lastAt || (at === this.#lastAt && key > this.#lastKey)) this.#value = value;
        break;
    }
    if (at > this.#lastAt || (at === this.#lastAt && key > this.#lastKey)) {
      this.#lastAt = at;
      this.#lastKey = key;
    }
  }

  /** At quantity scale. */
  get value(): bigint {
    return this.#value;
  }

  get events(): number {
    return this.#events;
  }

  get state(): AccumulatorState {
    return {
      value: this.#value.toString(),
      events: this.#events,
      lastAt: this.#lastAt,
      lastKey: this.#lastKey,
    };
  }
}
