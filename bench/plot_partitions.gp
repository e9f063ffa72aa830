# plot_partitions.gp -- Called by plot.sh, which sets sides, data and output.
set terminal svg size 720,420 font "sans-serif,13" background "#ffffff"
set output output
set title "Unsynced 1 KiB appends by turns: cost against the number of logs"
set xlabel "logs"
set ylabel "us for an append"
set key outside right
set grid
set logscale x 10
set yrange [0:]
plot for [side in sides] data.side using 1:2:3:4 with yerrorlines title side
