/* Ends an ext4 file system like a power cut does: shutdown <mount point> <flag>. Node has no ioctl of its own.
   0: all is written first; 1: the journal of the file system is; 2: nothing is. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count != 3) return 2;
  uint32_t flag = (uint32_t)atoi(arguments[2]);
  int directory = open(arguments[1], O_RDONLY | O_DIRECTORY);
  if (directory < 0 || ioctl(directory, _IOR('X', 125, uint32_t), &flag) != 0) {
    perror("shutdown");
    return 1;
  }
  return 0;
}
