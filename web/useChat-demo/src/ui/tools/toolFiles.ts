import type { Attachment } from '../../chat/conversation';

/** A file as a tool of the server gives it (docs/protocols.md, `data_objects`). */
interface DataObject {
  name: string;
  content: string;
  is_binary: boolean;
  mime_type: string;
}

/** Return the files of a tool's output, and what else there is in it. */
export function filesOf(output: unknown): { files: Attachment[]; rest: unknown } {
  if (typeof output !== 'object' || output === null || !('data_objects' in output)) {
    return { files: [], rest: output };
  }
  const { data_objects: objects, ...rest } = output;
  if (!Array.isArray(objects) || !objects.every(isFile)) return { files: [], rest: output };
  return { files: objects.map(toAttachment), rest };
}

function isFile(value: unknown): value is DataObject {
  if (typeof value !== 'object' || value === null) return false;
  const { name, content, mime_type: type } = value as Record<string, unknown>;
  return typeof name === 'string' && typeof content === 'string' && typeof type === 'string';
}

function toAttachment({
  name,
  content,
  is_binary: isBinary,
  mime_type: given,
}: DataObject): Attachment {
  // A type is letters only, so that nothing else gets into the address.
  const mediaType = /^[\w.+-]+\/[\w.+-]+$/.test(given) ? given : 'application/octet-stream';
  const url = isBinary
    ? `data:${mediaType};base64,${content}`
    : `data:${mediaType};charset=utf-8,${encodeURIComponent(content)}`;
  return { name, mediaType, url };
}
