import type { Mode } from './Highlighter';
import { Later } from './later';

type Load = () => Promise<Mode>;

// CodeMirror's modes: each is a file of its own, which is fetched when an answer has such code.
const c = () => import('@codemirror/legacy-modes/mode/clike');
const js = () => import('@codemirror/legacy-modes/mode/javascript');
const sql = () => import('@codemirror/legacy-modes/mode/sql');
const xml = () => import('@codemirror/legacy-modes/mode/xml');
const css = () => import('@codemirror/legacy-modes/mode/css');

const LANGUAGES: Record<string, Load> = {
  c: async () => (await c()).c,
  cpp: async () => (await c()).cpp,
  csharp: async () => (await c()).csharp,
  css: async () => (await css()).css,
  dart: async () => (await c()).dart,
  diff: async () => (await import('@codemirror/legacy-modes/mode/diff')).diff,
  dockerfile: async () => (await import('@codemirror/legacy-modes/mode/dockerfile')).dockerFile,
  go: async () => (await import('@codemirror/legacy-modes/mode/go')).go,
  html: async () => (await xml()).html,
  java: async () => (await c()).java,
  javascript: async () => (await js()).javascript,
  json: async () => (await js()).json,
  kotlin: async () => (await c()).kotlin,
  lua: async () => (await import('@codemirror/legacy-modes/mode/lua')).lua,
  perl: async () => (await import('@codemirror/legacy-modes/mode/perl')).perl,
  powershell: async () => (await import('@codemirror/legacy-modes/mode/powershell')).powerShell,
  properties: async () => (await import('@codemirror/legacy-modes/mode/properties')).properties,
  python: async () => (await import('@codemirror/legacy-modes/mode/python')).python,
  r: async () => (await import('@codemirror/legacy-modes/mode/r')).r,
  ruby: async () => (await import('@codemirror/legacy-modes/mode/ruby')).ruby,
  rust: async () => (await import('@codemirror/legacy-modes/mode/rust')).rust,
  scala: async () => (await c()).scala,
  scss: async () => (await css()).sCSS,
  shell: async () => (await import('@codemirror/legacy-modes/mode/shell')).shell,
  sql: async () => (await sql()).pgSQL,
  swift: async () => (await import('@codemirror/legacy-modes/mode/swift')).swift,
  toml: async () => (await import('@codemirror/legacy-modes/mode/toml')).toml,
  typescript: async () => (await js()).typescript,
  xml: async () => (await xml()).xml,
  yaml: async () => (await import('@codemirror/legacy-modes/mode/yaml')).yaml,
};

const ALIASES: Record<string, string> = {
  bash: 'shell',
  'c#': 'csharp',
  'c++': 'cpp',
  cjs: 'javascript',
  console: 'shell',
  cs: 'csharp',
  docker: 'dockerfile',
  golang: 'go',
  h: 'c',
  hpp: 'cpp',
  ini: 'properties',
  env: 'properties',
  js: 'javascript',
  jsonc: 'json',
  jsonl: 'json',
  json5: 'json',
  jsx: 'javascript',
  kt: 'kotlin',
  mjs: 'javascript',
  patch: 'diff',
  pl: 'perl',
  postgresql: 'sql',
  ps1: 'powershell',
  py: 'python',
  python3: 'python',
  pycon: 'python',
  rb: 'ruby',
  rs: 'rust',
  sh: 'shell',
  'shell-session': 'shell',
  svg: 'xml',
  ts: 'typescript',
  tsx: 'typescript',
  yml: 'yaml',
  zsh: 'shell',
};

const modes = new Map<string, Later<Mode>>();

/** Return how a language is read once that is here, or `undefined` if nobody here knows it. */
export function modeOf(language: string): Later<Mode> | undefined {
  const given = language.toLowerCase();
  const name = Object.hasOwn(ALIASES, given) ? (ALIASES[given] ?? given) : given;
  const load = Object.hasOwn(LANGUAGES, name) ? LANGUAGES[name] : undefined;
  if (!load) return undefined;
  const mode = modes.get(name) ?? new Later(load);
  modes.set(name, mode);
  return mode;
}
