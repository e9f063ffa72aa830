# plot_batches.gp -- Called by plot.sh, which sets sides, data and output.
set terminal svg size 720,420 font "sans-serif,13" background "#ffffff"
set output output
set title "1 KiB records, unsynced: throughput against batch size"
set xlabel "records in a batch"
set ylabel "MB/s of records"
set key outside right
set grid
set logscale x 4
set yrange [0:]
plot for [side in sides] data.side using 1:2:3:4 with yerrorlines title side
