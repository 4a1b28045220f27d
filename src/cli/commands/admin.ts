import { Command } from 'commander';
import type { Context } from '../context.ts';
import { auditCommand } from './admin/audit.ts';
import { caCommand } from './admin/ca.ts';
import { grantCommand, grantsCommand, revokeCommand } from './admin/grant.ts';
import { groupCommand } from './admin/group.ts';
import { gcCommand } from './admin/gc.ts';
import { inviteCommand } from './admin/invite.ts';
import { adminProxyCommand } from './admin-proxy.ts';
import { adminTokenCommand } from './admin-token.ts';
import { quotaCommand } from './admin/quota.ts';
import { serviceCommand } from './admin/service.ts';
import { userCommand } from './admin/user.ts';

export function adminCommand(context: Context): Command {
  return new Command('admin')
    .description('Manage who may use a server, and for what.')
    .addCommand(inviteCommand(context))
    .addCommand(userCommand(context))
    .addCommand(serviceCommand(context))
    .addCommand(groupCommand(context))
    .addCommand(grantCommand(context))
    .addCommand(revokeCommand(context))
    .addCommand(grantsCommand(context))
    .addCommand(quotaCommand(context))
    .addCommand(auditCommand(context))
    .addCommand(gcCommand(context))
    .addCommand(caCommand(context))
    .addCommand(adminTokenCommand(context))
    .addCommand(adminProxyCommand(context));
}
