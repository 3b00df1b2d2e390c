import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { useColor } from '../../output/terminal.js';

interface DashboardFlags {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly theme?: string;
  readonly ascii?: boolean;
  readonly readonly?: boolean;
  readonly mouse?: boolean;
}

const themeNames = ['dark', 'light', 'mono'] as const;

export function dashboardCommand(cli: Cli): Command {
  return new Command('dashboard')
    .alias('dash')
    .description('Monitor and manage the whole cluster in this terminal')
    .option('--theme <name>', `colours: ${themeNames.join(', ')} (SHOAL_THEME)`)
    .option('--ascii', 'draw with ASCII characters only')
    .option('--readonly', 'read-only: disable actions and shells')
    .option('--mouse', 'click selects, wheel scrolls; M toggles it (--no-mouse: off at start)')
    .option('--no-mouse')
    .option('--once', 'print one plain table and exit (default without a terminal)')
    .option('--json', 'with --once: print one JSON object')
    .option('--watch', 'print one JSON object per line, about every second')
    .addHelpText(
      'after',
      `
Keys: ? lists all keys, : runs a command, / filters, esc goes back, ctrl-c quits.
Columns, sorting, hotkeys, theme: ~/.config/shoal/dashboard.yaml (docs/reference/dashboard.md).

Examples:
  shoal dashboard                     machines, services and tasks, live
  shoal dash --readonly --ascii       read-only, on a terminal without Unicode
  shoal dash --once --json            the cluster's state for a script`,
    )
    .action(async (flags: DashboardFlags) => {
      const { readPreferences } = await import('../../preferences/preferences-file.js');
      // An invalid preferences file fails the command before it connects.
      const preferences = await readPreferences(cli.env);
      const client = await cli.connect();
      if (flags.watch === true || flags.once === true || !isInteractive(cli)) {
        const { printCluster } = await import('../../dashboard/print.js');
        await printCluster(cli, client, flags);
        return;
      }
      // React's development checks cost as much as the rest of a frame.
      process.env.NODE_ENV ??= 'production';
      const { openDashboard } = await import('../../dashboard/open.js');
      await openDashboard(cli, client, {
        theme: themeOf(cli, flags.theme, preferences.theme),
        ascii: flags.ascii ?? preferences.ascii ?? isAscii(cli.env),
        readOnly: flags.readonly ?? preferences.readOnly ?? false,
        mouse: flags.mouse ?? preferences.mouse ?? false,
        preferences,
      });
    });
}

function isInteractive(cli: Cli): boolean {
  const inCi = cli.env.CI !== undefined && cli.env.CI !== '' && cli.env.CI !== 'false';
  return cli.stdin.isTTY === true && cli.stdout.isTTY && cli.env.TERM !== 'dumb' && !inCi;
}

/**
 * Picks the theme: the flag, then SHOAL_THEME, then the preferences file; `mono` without colours.
 */
function themeOf(cli: Cli, flag: string | undefined, preferred: string | undefined): ThemeName {
  const named = flag ?? cli.env.SHOAL_THEME ?? '';
  if (named !== '') return knownTheme(named);
  if (!useColor(cli.options.ansi, cli.env, cli.stdout)) return 'mono';
  return preferred === undefined ? 'dark' : knownTheme(preferred);
}

type ThemeName = (typeof themeNames)[number];

function knownTheme(name: string): ThemeName {
  const found = themeNames.find((known) => known === name);
  if (found !== undefined) return found;
  throw new AppError('invalid', `unknown theme "${name}": use ${themeNames.join(', ')}`);
}

/**
 * True for a locale with a charset other than UTF-8 and for the Linux console: no Unicode glyphs.
 */
function isAscii(env: NodeJS.ProcessEnv): boolean {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find(
    (value) => value !== undefined && value !== '',
  );
  return env.TERM === 'linux' || (locale !== undefined && !/utf-?8/iu.test(locale));
}
