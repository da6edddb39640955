// What colours code. Its file is fetched with the first code, and each language with the first of its own.
export { Highlighter } from './Highlighter';
export { modeOf } from './languages';
