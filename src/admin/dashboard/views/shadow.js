import { heading } from '../parts.js';

export const shadow = { title: 'Shadow', render: () => [heading('Shadow')] };
