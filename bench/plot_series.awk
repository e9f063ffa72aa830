# plot_series.awk -- See plot.sh: the points of one line.
field($0, "figure") == figure && field($0, "side") == side {
    printf "%s %.6g %.6g %.6g\n", field($0, condition), field($0, "median") * factor,
           field($0, "min") * factor, field($0, "max") * factor
}
