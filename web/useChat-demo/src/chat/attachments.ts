import type { Attachment } from './conversation';

// What models read. They refuse others, such as HEIC and SVG, in the middle of a chat.
const TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf'];
/** The file types that the file dialog offers. */
export const ACCEPTED = TYPES.join();
// Of one message. Without a store every request carries the whole history: see `outgoing.ts`.
const MOST_BYTES = 3 * 1024 * 1024;
// Some systems do not know these types, and tell none.
const OTHER_PICTURES = /\.(heic|heif|avif|tiff?|bmp|svg)$/i;

/**
 * Read files as data URLs, pictures no larger than models can use.
 *
 * `mostBodyBytes` is the largest request that the server takes. Throws an `Error` whose message says
 * what is wrong with the files.
 */
export async function readFiles(
  files: Iterable<File>,
  already: Attachment[],
  mostBodyBytes: number,
): Promise<Attachment[]> {
  // A data URL is a third longer than its file, and words have to go along.
  const most = Math.min(MOST_BYTES, (mostBodyBytes * 3) / 4 - 16 * 1024);
  let bytes = already.reduce((sum, { url }) => sum + (url.length * 3) / 4, 0);
  const read: Attachment[] = [];
  for (const given of files) {
    if (!TYPES.includes(given.type)) {
      const isPicture = given.type.startsWith('image/') || OTHER_PICTURES.test(given.name);
      throw new Error(
        isPicture
          ? `${given.name}: models read PNG, JPEG, GIF and WebP only.`
          : `${given.name} is neither a picture nor a PDF.`,
      );
    }
    if (given.size === 0) throw new Error(`${given.name} is empty.`);
    const file = given.type.startsWith('image/') ? await scaled(given) : given;
    bytes += file.size;
    if (bytes > most) {
      throw new Error(`That is too much: up to ${inMegabytes(most)} of files will do.`);
    }
    read.push({ name: file.name, mediaType: file.type, url: await dataUrl(file) });
  }
  return read;
}

async function scaled(file: File): Promise<File> {
  // Most chats have no picture.
  const { prepared } = await import('./images');
  return prepared(file);
}

function inMegabytes(bytes: number): string {
  const megabytes = Math.max(0, bytes) / 1024 / 1024;
  return `${megabytes.toLocaleString('en', { maximumFractionDigits: megabytes < 1 ? 2 : 0 })} MB`;
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
