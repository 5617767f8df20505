# Outlives whoever has started Apache, should that one be killed: ends Apache, removes its files.
#   keeper.sh ROOT     stdin: a pipe that ends with the starter; lines: Apache's process id, then
#                      "over" once all this is done
root=$1
while read -r line; do
    test "$line" = over && exit
    apache=$line
done
if test -n "$apache"; then
    kill -TERM "$apache"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        test -e "$root/httpd.pid" || break
        sleep 0.2
    done
    kill -KILL -- "-$apache"
fi 2>/dev/null
rm -rf -- "$root"
