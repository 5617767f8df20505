/* What a file system can be relied on for. */
#include "filesystem.h"

#include <linux/magic.h>
#include <sys/vfs.h>

/* Those that <linux/magic.h> leaves out. */
#define BCACHEFS_MAGIC 0xca451a4e
#define JFS_MAGIC 0x3153464a
#define ZFS_MAGIC 0x2fc12fc1

int hdpy_is_local(int fd)
{
    struct statfs system;

    if (fstatfs(fd, &system) != 0)
        return 0;
    switch ((unsigned long)system.f_type & 0xffffffffUL) {
    case BCACHEFS_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case EXT4_SUPER_MAGIC: /* ext2 and ext3, too */
    case F2FS_SUPER_MAGIC:
    case JFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
    case RAMFS_MAGIC:
    case TMPFS_MAGIC:
    case XFS_SUPER_MAGIC:
    case ZFS_MAGIC:
        return 1;
    default:
        return 0;
    }
}
