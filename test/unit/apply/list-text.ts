import type { ArrayElement, ArrayText } from '../../../src/apply/dependencies.ts';

/** An array parameter whose elements can be looked at. */
export class ListText implements ArrayText {
  readonly elements: ArrayElement[];

  constructor(elements: readonly ArrayElement[] = []) {
    this.elements = [...elements];
  }

  get count(): number {
    return this.elements.length;
  }

  push(element: ArrayElement): void {
    this.elements.push(element);
  }

  pushAscii(bytes: Buffer, start: number, end: number): boolean {
    this.elements.push(bytes.toString('latin1', start, end));
    return true;
  }

  truncate(count: number): void {
    this.elements.length = count;
  }

  same(a: number, b: number): boolean {
    return Object.is(this.elements[a], this.elements[b]);
  }

  slice(from: number, to: number): string {
    return `{${this.elements.slice(from, to).join(',')}}`;
  }

  pick(rows: readonly number[]): ListText {
    return new ListText(rows.map((row) => this.elements[row]!));
  }
}

export const elementsOf = (text: ArrayText | undefined): readonly ArrayElement[] => (text === undefined ? [] : (text as ListText).elements);
