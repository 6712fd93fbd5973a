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

  get byteLength(): number {
    return this.elements.reduce<number>((sum, element) => sum + String(element).length, 0);
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

  order(a: number, b: number): number {
    const [first, second] = [this.text(a), this.text(b)];
    if (first < second) return -1;
    let at = 0;
    while (at < first.length && first[at] === second[at]) at++;
    return at + 1;
  }

  text(row: number): string {
    return String(this.elements[row]);
  }

  slice(from: number, to: number): string {
    return `{${this.elements.slice(from, to).join(',')}}`;
  }

  pick(rows: readonly number[]): ListText {
    return new ListText(rows.map((row) => this.elements[row]!));
  }
}

export const elementsOf = (text: ArrayText | undefined): readonly ArrayElement[] => (text === undefined ? [] : (text as ListText).elements);
