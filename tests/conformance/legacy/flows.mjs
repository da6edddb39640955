// Every flow of AI SDK 3.4 and 4 by its name. A flow gets `{client, site, url}`.
import { hooks } from '../hooks.mjs';
import { actions } from './actions.mjs';
import { answers } from './answers.mjs';
import { builtin } from './builtin.mjs';
import { kept } from './kept.mjs';
import { mcp } from './mcp.mjs';
import { parts } from './parts.mjs';
import { stored } from './stored.mjs';
import { tools } from './tools.mjs';

export const flows = {
  ...answers,
  ...parts,
  ...actions,
  ...tools,
  ...mcp,
  ...hooks,
  ...builtin,
  ...kept,
  ...stored,
};
