// One file of each kind that a user may send.

const base64 = (text) => Buffer.from(text).toString('base64');
const PNG = // one pixel
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ' +
  'AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export const FILES = [
  { name: 'dot.png', mediaType: 'image/png', data: PNG },
  { name: 'paper.pdf', mediaType: 'application/pdf', data: base64('%PDF-1.4\n%%EOF\n') },
  { name: 'notes.txt', mediaType: 'text/plain', data: base64('Plain notes') },
].map((file) => ({ ...file, url: `data:${file.mediaType};base64,${file.data}` }));
