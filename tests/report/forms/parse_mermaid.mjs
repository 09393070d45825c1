import { JSDOM } from 'jsdom';
const dom = new JSDOM('<!DOCTYPE html><body></body>');
globalThis.window = dom.window; globalThis.document = dom.window.document;
const mermaid = (await import('mermaid')).default;
import fs from 'fs';
mermaid.initialize({startOnLoad:false});
let bad = 0;
for (const f of process.argv.slice(2)) {
  try { const r = await mermaid.parse(fs.readFileSync(f,'utf8')); console.log('ok', f, JSON.stringify(r).slice(0,100)); }
  catch (e) { bad = 1; console.log('BAD', f, String(e).slice(0,600)); }
}
process.exit(bad);
