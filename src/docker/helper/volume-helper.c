/*
 * What is done inside a volume whose directory on the Engine's host cannot be reached: the steps that /script lists, one
 * after the other, in /volume. What they find out goes to /output. No library, no threads, no memory but its own: it is
 * the whole of an image, and has to be built to the same bytes everywhere (scripts/build-helper.ts).
 *
 * /script is words, each ended by NUL. A step is a letter and its words, all paths relative to /volume:
 *
 *   K path             takes the lock of that file, which is made when it is missing, and keeps it to the end
 *   T path text        stops with 3 unless the path is a link with this text; an empty text: unless nothing is there
 *   F path             stops with 3 unless nothing, or a directory, is there
 *   M path             makes a directory, if nothing is there
 *   R from to          rename(2)
 *   L text path temp   makes the path a link with this text by one rename(2) of temp
 *   N path text        removes the path if it is a link with this text
 *   D path             removes the path with all that is below it, if it is there
 *   S                  syncfs(2) of the volume
 *   I path             tells of the path
 *   E path             tells of everything in the directory, not of what is below that
 *
 * Told is, each ended by NUL: path, one of d f l o (directory, file, link, other) or - for nothing, size, modification
 * time in nanoseconds, inode, text of the link. Ends with 0, with 3 as above, or with 4 and `!`, letter, path, errno.
 */
typedef unsigned long u64;
typedef long i64;
typedef unsigned int u32;
typedef unsigned short u16;

#if defined(__x86_64__)
enum {
  SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_chdir = 80, SYS_flock = 73, SYS_getdents64 = 217, SYS_exit = 231,
  SYS_openat = 257, SYS_mkdirat = 258, SYS_unlinkat = 263, SYS_renameat = 264, SYS_symlinkat = 266,
  SYS_readlinkat = 267, SYS_fchmodat = 268, SYS_syncfs = 306, SYS_statx = 332
};
enum { O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000 };
static i64 call(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e) {
  i64 result;
  register i64 r10 __asm__("r10") = d;
  register i64 r8 __asm__("r8") = e;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call run\n");
#elif defined(__aarch64__)
enum {
  SYS_read = 63, SYS_write = 64, SYS_close = 57, SYS_chdir = 49, SYS_flock = 32, SYS_getdents64 = 61, SYS_exit = 94,
  SYS_openat = 56, SYS_mkdirat = 34, SYS_unlinkat = 35, SYS_renameat = 38, SYS_symlinkat = 36,
  SYS_readlinkat = 78, SYS_fchmodat = 53, SYS_syncfs = 267, SYS_statx = 291
};
enum { O_DIRECTORY = 040000, O_NOFOLLOW = 0100000 };
static i64 call(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e) {
  register i64 x8 __asm__("x8") = n;
  register i64 x0 __asm__("x0") = a;
  register i64 x1 __asm__("x1") = b;
  register i64 x2 __asm__("x2") = c;
  register i64 x3 __asm__("x3") = d;
  register i64 x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
__asm__(".globl _start\n_start: mov x29, #0\n mov x30, #0\n bl run\n");
#endif

enum {
  HERE = -100, O_RDONLY = 0, O_RDWR = 2, O_WRONLY = 1, O_CREAT = 0100, O_TRUNC = 01000, O_CLOEXEC = 02000000,
  AT_REMOVEDIR = 0x200, AT_SYMLINK_NOFOLLOW = 0x100, LOCK_EX = 2,
  ENOENT = 2, EINTR = 4, ENOTDIR = 20, EEXIST = 17, EINVAL = 22,
  S_IFMT = 0170000, S_IFDIR = 0040000, S_IFREG = 0100000, S_IFLNK = 0120000
};

struct statx_time { i64 seconds; u32 nanoseconds; u32 reserved; };
struct statx {
  u32 mask, block_size; u64 attributes; u32 links, uid, gid; u16 mode, spare; u64 inode, size, blocks, attributes_mask;
  struct statx_time accessed, born, changed, modified; u64 others[20];
};
struct entry { u64 inode; i64 offset; u16 length; unsigned char type; char name[]; };

/* gcc calls these by itself. */
void *memset(void *to, int value, u64 count) {
  char *at = to;
  while (count-- > 0) { *at++ = (char)value; __asm__ volatile("" ::: "memory"); }
  return to;
}
void *memcpy(void *to, const void *from, u64 count) {
  char *at = to;
  const char *source = from;
  while (count-- > 0) { *at++ = *source++; __asm__ volatile("" ::: "memory"); }
  return to;
}

static int output;
static char out[1 << 16];
static u64 used;

static void end(int code) {
  u64 done = 0;
  while (done < used) {
    i64 count = call(SYS_write, output, (i64)(out + done), (i64)(used - done), 0, 0);
    if (count == -EINTR) continue;
    if (count <= 0) { code = 4; break; }
    done += (u64)count;
  }
  used = 0;
  if (code >= 0) for (;;) call(SYS_exit, code, 0, 0, 0, 0);
}

static void put(char letter) {
  if (used == sizeof out) end(-1);
  out[used++] = letter;
}

static void tell(const char *word) {
  for (; *word; word++) put(*word);
  put(0);
}

static void tell_number(u64 value) {
  char digits[24];
  char *at = digits + sizeof digits;
  *--at = 0;
  do *--at = (char)('0' + value % 10); while (value /= 10);
  tell(at);
}

static void fail(char letter, const char *path, i64 result) {
  put('!');
  put(0);
  put(letter);
  put(0);
  tell(path);
  tell_number((u64)-result);
  end(4);
}

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static char text[4097];

/* The link's text, 0 where nothing is; what is no link gives a text that no link has. */
static const char *link_at(const char *path) {
  i64 length = call(SYS_readlinkat, HERE, (i64)path, (i64)text, sizeof text - 1, 0);
  if (length == -ENOENT || length == -ENOTDIR) return 0;
  if (length < 0) length = 0;
  text[length] = 0;
  return text;
}

static void inform(int directory, const char *path, const char *shown) {
  struct statx info;
  i64 result = call(SYS_statx, directory, (i64)path, AT_SYMLINK_NOFOLLOW, 0x7ff, (i64)&info);
  tell(shown);
  if (result < 0) {
    tell("-"), tell("0"), tell("0"), tell("0"), tell("");
    return;
  }
  u32 kind = info.mode & S_IFMT;
  tell(kind == S_IFDIR ? "d" : kind == S_IFREG ? "f" : kind == S_IFLNK ? "l" : "o");
  tell_number(info.size);
  tell_number((u64)info.modified.seconds * 1000000000ul + info.modified.nanoseconds);
  tell_number(info.inode);
  i64 length = kind == S_IFLNK ? call(SYS_readlinkat, directory, (i64)path, (i64)text, sizeof text - 1, 0) : 0;
  text[length < 0 ? 0 : length] = 0;
  tell(text);
}

static int special(const char *name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

static char listing[4096] __attribute__((aligned(8)));

static void list(const char *path) {
  i64 directory = call(SYS_openat, HERE, (i64)path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0);
  if (directory == -ENOENT || directory == -ENOTDIR) return;
  if (directory < 0) fail('E', path, directory);
  for (;;) {
    i64 length = call(SYS_getdents64, directory, (i64)listing, sizeof listing, 0, 0);
    if (length < 0) fail('E', path, length);
    if (length == 0) break;
    for (i64 at = 0; at < length;) {
      struct entry *found = (struct entry *)(listing + at);
      if (!special(found->name)) inform((int)directory, found->name, found->name);
      at += found->length;
    }
  }
  call(SYS_close, directory, 0, 0, 0, 0);
}

/* Never through a link, however deep; entries are looked for anew after each removal, which is simple and ends. */
static i64 remove_in(int directory, const char *name) {
  i64 result = call(SYS_unlinkat, directory, (i64)name, 0, 0, 0);
  if (result == 0 || result == -ENOENT) return 0;
  i64 inner = call(SYS_openat, directory, (i64)name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0);
  if (inner < 0) return result;
  char entries[512] __attribute__((aligned(8)));
  for (;;) {
    i64 removed = 0;
    i64 again = call(SYS_openat, inner, (i64)".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
    i64 length = call(SYS_getdents64, again, (i64)entries, sizeof entries, 0, 0);
    while (length > 0 && removed == 0) {
      for (i64 at = 0; at < length;) {
        struct entry *found = (struct entry *)(entries + at);
        at += found->length;
        if (special(found->name)) continue;
        result = remove_in((int)inner, found->name);
        if (result < 0) return result;
        removed++;
      }
      if (removed == 0) length = call(SYS_getdents64, again, (i64)entries, sizeof entries, 0, 0);
    }
    call(SYS_close, again, 0, 0, 0, 0);
    if (removed == 0) break;
  }
  call(SYS_close, inner, 0, 0, 0, 0);
  return call(SYS_unlinkat, directory, (i64)name, AT_REMOVEDIR, 0, 0);
}

static char window[1 << 16];
static i64 have, at;
static int script;
static char words[3][4097];

static int next_letter(void) {
  if (at == have) {
    do have = call(SYS_read, script, (i64)window, sizeof window, 0, 0); while (have == -EINTR);
    at = 0;
    if (have <= 0) return have = 0, -1;
  }
  return (unsigned char)window[at++];
}

static int next_word(char *into) {
  for (u64 length = 0; length < sizeof words[0]; length++) {
    int letter = next_letter();
    if (letter < 0) return 0;
    into[length] = (char)letter;
    if (letter == 0) return 1;
  }
  return 0;
}

static int count_of(char letter) {
  switch (letter) {
    case 'S': return 0;
    case 'T': case 'R': case 'N': return 2;
    case 'L': return 3;
    default: return 1;
  }
}

static void step(char letter) {
  const char *path = words[0];
  const char *found;
  struct statx info;
  i64 result = 0;
  switch (letter) {
    case 'K':
      result = call(SYS_openat, HERE, (i64)path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644, 0);
      if (result >= 0) result = call(SYS_flock, result, LOCK_EX, 0, 0, 0);
      break;
    case 'T':
      found = link_at(path);
      if (!same(found ? found : "", words[1])) end(3);
      if (found && !*found) end(3);
      break;
    case 'F':
      result = call(SYS_statx, HERE, (i64)path, AT_SYMLINK_NOFOLLOW, 0x7ff, (i64)&info);
      if (result == 0 && (info.mode & S_IFMT) != S_IFDIR) end(3);
      result = 0;
      break;
    case 'M':
      result = call(SYS_mkdirat, HERE, (i64)path, 0755, 0, 0);
      if (result == 0) result = call(SYS_fchmodat, HERE, (i64)path, 0755, 0, 0);
      if (result == -EEXIST) result = 0;
      break;
    case 'R':
      result = call(SYS_renameat, HERE, (i64)path, HERE, (i64)words[1], 0);
      break;
    case 'L':
      result = call(SYS_symlinkat, (i64)path, HERE, (i64)words[2], 0, 0);
      if (result == 0) result = call(SYS_renameat, HERE, (i64)words[2], HERE, (i64)words[1], 0);
      path = words[1];
      break;
    case 'N':
      found = link_at(path);
      if (found && *found && same(found, words[1])) result = call(SYS_unlinkat, HERE, (i64)path, 0, 0, 0);
      break;
    case 'D':
      result = remove_in(HERE, path);
      break;
    case 'S':
      path = ".";
      result = call(SYS_openat, HERE, (i64)path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
      if (result >= 0) result = call(SYS_syncfs, result, 0, 0, 0, 0);
      break;
    case 'I':
      inform(HERE, path, path);
      break;
    case 'E':
      list(path);
      break;
    default:
      result = -EINVAL;
  }
  if (result < 0) fail(letter, path, result);
}

void run(void) {
  script = (int)call(SYS_openat, HERE, (i64)"/script", O_RDONLY | O_CLOEXEC, 0, 0);
  output = (int)call(SYS_openat, HERE, (i64)"/output", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644, 0);
  if (script < 0 || output < 0) end(4);
  i64 result = call(SYS_chdir, (i64)"/volume", 0, 0, 0, 0);
  if (result < 0) fail('.', "/volume", result);
  char letter[4097];
  while (next_word(letter)) {
    for (int word = 0; word < count_of(letter[0]); word++) if (!next_word(words[word])) fail(letter[0], "", -EINVAL);
    step(letter[0]);
  }
  end(0);
}
