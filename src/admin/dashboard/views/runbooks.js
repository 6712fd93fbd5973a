import { heading } from '../parts.js';

export const runbooks = { title: 'Runbooks', render: () => [heading('Runbooks')] };
