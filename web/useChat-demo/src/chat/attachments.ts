import type { Attachment } from './conversation';

// What models read. They refuse others, such as HEIC and SVG, in the middle of a chat.
const TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf'];
/** The file types that the file dialog offers. */
export const ACCEPTED = TYPES.join();
// The server accepts bodies of 6 MiB (Lambda's limit), a data URL is a third longer than its file, and
// every request carries the whole history.
const MOST_BYTES = 3 * 1024 * 1024;

/**
 * Read files as data URLs.
 *
 * Throws an `Error` whose message says what is wrong with the files.
 */
export async function readFiles(files: Iterable<File>, already: Attachment[]): Promise<Attachment[]> {
  let bytes = already.reduce((sum, { url }) => sum + (url.length * 3) / 4, 0);
  const read: Attachment[] = [];
  for (const file of files) {
    if (!TYPES.includes(file.type)) {
      const isPicture = file.type.startsWith('image/');
      throw new Error(
        isPicture
          ? `${file.name}: models read PNG, JPEG, GIF and WebP only.`
          : `${file.name} is neither a picture nor a PDF.`,
      );
    }
    if (file.size === 0) throw new Error(`${file.name} is empty.`);
    bytes += file.size;
    if (bytes > MOST_BYTES) throw new Error('That is too much: up to 3 MB of files will do.');
    read.push({ name: file.name, mediaType: file.type, url: await dataUrl(file) });
  }
  return read;
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
