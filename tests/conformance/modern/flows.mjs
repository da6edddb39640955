// Every flow of AI SDK 5, 6 and 7 by its name. A flow gets `{client, site, url}`.
import { hooks } from '../hooks.mjs';
import { actions } from './actions.mjs';
import { answers } from './answers.mjs';
import { approvals } from './approvals.mjs';
import { builtin } from './builtin.mjs';
import { kept } from './kept.mjs';
import { majors } from './majors.mjs';
import { mcp } from './mcp.mjs';
import { parts } from './parts.mjs';
import { rows } from './rows.mjs';
import { stored } from './stored.mjs';
import { tools } from './tools.mjs';
import { workflow } from './workflow.mjs';

export const flows = {
  ...answers,
  ...parts,
  ...actions,
  ...tools,
  ...mcp,
  ...approvals,
  ...hooks,
  ...builtin,
  ...kept,
  ...stored,
  ...rows,
  ...majors,
  ...workflow,
};
