import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { policyCommand } from './project-policy.js';
import { quotaCommand } from './project-quota.js';

export function projectCommand(cli: Cli): Command {
  return new Command('project')
    .description('Manage what a project may use')
    .addCommand(policyCommand(cli))
    .addCommand(quotaCommand(cli));
}
