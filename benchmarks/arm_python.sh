#!/usr/bin/env bash
# Makes an arm64 Python with ai-edge-litert that runs here under qemu-user, and prints the command that starts it.
# `edgenas export` compares Arm's kernels with this machine's where EDGENAS_ARM_PYTHON holds that command:
#
#     export EDGENAS_ARM_PYTHON="$(benchmarks/arm_python.sh /var/tmp/arm)"
#
# Debian or Ubuntu, root (debootstrap), about 450 MB and two minutes; nothing is installed. It tells whether results are
# right, not how long they take.
set -euo pipefail
folder=${1:?Usage: arm_python.sh FOLDER}
mirror=${MIRROR:-http://deb.debian.org/debian}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$folder"
if [ ! -e complete ]; then
    {
        apt-get download qemu-user-static debootstrap
        for package in *.deb; do dpkg -x "$package" tools; done
        DEBOOTSTRAP_DIR=$folder/tools/usr/share/debootstrap tools/usr/sbin/debootstrap --arch=arm64 --foreign \
            --variant=minbase --include=python3,libpython3.11,libstdc++6,libgomp1 bookworm root "$mirror"
        for package in root/var/cache/apt/archives/*.deb; do dpkg -x "$package" root; done
        python3 -m pip download --only-binary=:all: --python-version 3.11 --platform manylinux_2_28_aarch64 \
            --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 --dest wheels \
            'ai-edge-litert==2.3.0' 'numpy<2.3'
        for wheel in wheels/*.whl; do python3 -m zipfile -e "$wheel" site; done
        # The kernels choose by the processor's description; that of this machine would mislead them.
        mkdir -p root/proc root/sys/devices/system/cpu
        printf '%s\n' 'processor : 0' 'BogoMIPS : 48.00' \
            'Features : fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp' \
            'CPU implementer : 0x41' 'CPU architecture: 8' 'CPU variant : 0x4' 'CPU part : 0xd0b' 'CPU revision : 1' '' \
            > root/proc/cpuinfo
        echo 0 > root/sys/devices/system/cpu/possible
        echo 0 > root/sys/devices/system/cpu/present
        touch complete
    } >&2
fi
# A Cortex-A76 has no name in qemu 7.2; Neoverse N1 is the same core for servers.
echo "env PYTHONPATH='$folder/site' '$folder/tools/usr/bin/qemu-aarch64-static' -cpu neoverse-n1 -L '$folder/root' '$folder/root/usr/bin/python3.11'"
