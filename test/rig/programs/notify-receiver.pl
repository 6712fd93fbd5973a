# Binds a unix datagram socket at the path given, as systemd does, and prints each message as one line, its assignments parted by tabs.
# What comes as a file descriptor with a message is dropped by the kernel, which closes it: that is all systemd-notify's barrier waits for.
use strict;
use warnings;
use Socket;

my ($path) = @ARGV;
socket(my $receiver, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!\n";
bind($receiver, pack_sockaddr_un($path)) or die "bind: $!\n";
$| = 1;
print "bound\n";
while (defined(recv($receiver, my $message, 65536, 0))) {
    $message =~ s/\n$//;
    $message =~ s/\n/\t/g;
    print "$message\n";
}
