// `npm run build`: builds the page of the inspector into dist/inspector/index.html.
import { mkdirSync, writeFileSync } from 'node:fs';
import { buildPage } from './buildPage.ts';

const folder = new URL('../../dist/inspector/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('index.html', folder), await buildPage());
