//! Has `cfg(Py_GIL_DISABLED)` mean here what it means in `PyO3`.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
