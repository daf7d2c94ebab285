"""What stands at an axis: a column's name in the field's signs, with its unit."""

from __future__ import annotations

from jetlego.report.style import plain

_LABELS = {
    "jet_pt": r"jet $p_T$ [GeV]",
    "jet_eta": r"jet $\eta$",
    "jet_phi": r"jet $\phi$ [rad]",
    "jet_mass": "jet mass [GeV]",
    "jet_sdmass": "jet soft-drop mass [GeV]",
    "jet_energy": "jet energy [GeV]",
    "jet_nparticles": "number of constituents",
    "jet_tau21": r"$\tau_2/\tau_1$",
    "jet_tau32": r"$\tau_3/\tau_2$",
    "jet_tau1": r"$\tau_1$",
    "jet_tau2": r"$\tau_2$",
    "jet_tau3": r"$\tau_3$",
    "jet_tau4": r"$\tau_4$",
    "part_pt": r"constituent $p_T$ [GeV]",
    "part_pt_log": r"$\ln\,(p_T/\mathrm{GeV})$ of constituents",
    "part_e_log": r"$\ln\,(E/\mathrm{GeV})$ of constituents",
    "part_energy": "constituent energy [GeV]",
    "part_eta": r"constituent $\eta$",
    "part_phi": r"constituent $\phi$ [rad]",
    "part_deltaR": r"$\Delta R$ (constituent, jet)",
    "part_deta": r"$\Delta\eta$ (constituent, jet)",
    "part_dphi": r"$\Delta\phi$ (constituent, jet) [rad]",
    "part_ptrel": r"constituent $p_T$ / jet $p_T$",
    "part_logptrel": r"$\ln$ (constituent $p_T$ / jet $p_T$)",
    "part_logerel": r"$\ln$ (constituent $E$ / jet $E$)",
    "part_charge": "constituent charge [e]",
    "part_d0": r"$\tanh\,d_0$",
    "part_dz": r"$\tanh\,d_z$",
    "part_d0val": r"arsinh ($d_0$ / 0.05 mm), tracks",
    "part_dzval": r"arsinh ($d_z$ / 0.05 mm), tracks",
    "part_d0err": r"error of $d_0$ [mm]",
    "part_dzerr": r"error of $d_z$ [mm]",
}


def axis_label(name: str) -> str:
    """Return the label of a column's axis; a column nobody knows keeps its own name."""
    return _LABELS.get(name, plain(name))
