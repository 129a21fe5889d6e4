"""Every requirement by id: one row each, grouped by area; `open_requirements.txt` names those no test shows yet.

The ids are stable. `test_requirements.py` checks both directions: a marker names a known id, and an id is either shown
by a test or listed as open, never both, never neither.
"""

from __future__ import annotations

AREAS: dict[str, str] = {
    "1 Protocol document and compiler": """
        DOC-01 DOC-02 DOC-03 DOC-04 DOC-05 DOC-06 DOC-07 DOC-08 DOC-09 DOC-10 DOC-11 DOC-12 DOC-13 DOC-14 DOC-15
        DOC-16 DOC-17 DOC-18 DOC-19 DOC-20 DOC-21 DOC-22 DOC-23 DOC-24 DOC-25 DOC-26 DOC-27 DOC-28
    """,
    "2 Roles, guardrails and shape of the protocols": """
        RGD-01 RGD-02 RGD-03 RGD-04 RGD-05 RGD-06? SHP-01 SHP-02 SHP-03 SHP-04 SHP-05 SHP-06 SHP-07 SHP-08 SHP-09
        SHP-10
    """,
    "3 Prerequisites": """
        PRE-01 PRE-02 PRE-03 PRE-04 PRE-05 PRE-06 PRE-07 PRE-08 PRE-09 PRE-10 PRE-11 PRE-12 PRE-13 PRE-14 PRE-15
        PRE-16 PRE-17 PRE-18 PRE-19 PRE-20 PRE-21 PRE-22 PRE-23 PRE-24 PRE-25 PRE-26
    """,
    "4 Intake": """
        INT-01 INT-02 INT-03 INT-04 INT-05 INT-06 INT-07 INT-08 INT-09 INT-10? INT-11?
    """,
    "5 Staging parity": """
        PAR-01 PAR-02 PAR-03 PAR-04 PAR-05 PAR-06 PAR-07 PAR-08 PAR-09 PAR-10 PAR-11 PAR-12? PAR-13?
    """,
    "6 Test data and feature flags": """
        REF-01? REF-02? REF-03
    """,
    "7 Deployment rehearsal": """
        REH-01 REH-02 REH-03 REH-04 REH-05 REH-06 REH-07
    """,
    "8 Tests and coverage": """
        TST-01 TST-02 TST-03 TST-04 TST-05 TST-06 TST-07
    """,
    "9 Observability baseline": """
        OBS-01 OBS-02
    """,
    "10 Rollback rehearsal and recovery time": """
        RBK-01 RBK-02 RBK-03 RBK-04 RBK-05 RBK-06 RBK-07 RBK-08?
    """,
    "11 Security, licence and compliance": """
        SEC-01 SEC-02 SEC-03 SEC-04 SEC-05 SEC-06 SEC-07 SEC-08? SEC-09 SEC-10 SEC-11
    """,
    "12 Runbooks and on-call": """
        OPS-01 OPS-02 OPS-03 OPS-04
    """,
    "13 Package and manifest": """
        PKG-01 PKG-02 PKG-03 PKG-04 PKG-05 PKG-06
    """,
    "14 Readiness review and approvals": """
        REV-01 REV-02 REV-03 REV-04 REV-05 REV-06 REV-07 REV-08
    """,
    "15 Deployment checklist": """
        CHK-01 CHK-02 CHK-03
    """,
    "16 Readiness re-check (production)": """
        RDY-01 RDY-02 RDY-03 RDY-04 RDY-05
    """,
    "17 Scope and stakeholders": """
        SCO-01 SCO-02 SCO-03 SCO-04
    """,
    "18 Deployment window": """
        WIN-01? WIN-02
    """,
    "19 Staging reconfirmation": """
        RCF-01 RCF-02 RCF-03 RCF-04 RCF-05
    """,
    "20 Change freeze": """
        FRZ-01 FRZ-02 FRZ-03 FRZ-04 FRZ-05
    """,
    "21 Dry run": """
        DRY-01? DRY-02
    """,
    "22 Production approval": """
        APR-01 APR-02 APR-03 APR-04 APR-05 APR-06
    """,
    "23 Snapshot": """
        SNP-01 SNP-02
    """,
    "24 Connectivity and environment health (before deployment)": """
        CON-01 CON-02 CON-03 CON-04
    """,
    "25 Rollout": """
        ROL-01 ROL-02 ROL-03 ROL-04 ROL-05 ROL-06 ROL-07
    """,
    "26 Automatic rollback": """
        ARB-01 ARB-02 ARB-03 ARB-04 ARB-05 ARB-06 ARB-07 ARB-08
    """,
    "27 Immediate post-deployment checks": """
        PDV-01 PDV-02 PDV-03 PDV-04 PDV-05 PDV-06 PDV-07
    """,
    "28 Progress notices": """
        PRG-01? PRG-02?
    """,
    "29 Health window": """
        SOK-01 SOK-02 SOK-03 SOK-04 SOK-05 SOK-06
    """,
    "30 Release report and evidence archive": """
        REP-01 REP-02 REP-03 REP-04 REP-05 REP-06
    """,
    "31 Retrospective inputs": """
        RIN-01 RIN-02
    """,
    "32 Gates: rules for all": """
        GAT-01 GAT-02 GAT-03 GAT-04 GAT-05 GAT-06 GAT-07 GAT-08 GAT-09
    """,
    "33 Gates of pre-deployment (000 and 002)": """
        PG1-01 PG1-02 PG1-03 PG1-04 PG1-05 PG1-06 PG1-07 PG1-08 PG1-09 PG2-01 PG2-02 PG2-03 PG2-04 PG2-05 PG2-06
        PG2-07 PG2-08 PG2-09 PG3-01 PG3-02 PG3-03 PG3-04 PG3-05 PG3-06 PG3-07 PG3-08 PG3-09 PG4-01 PG4-02 PG4-03
        PG4-04 PG4-05 PG4-06 PG4-07 PG4-08 PG4-09
    """,
    "34 Gates of production deployment (001)": """
        DG1-01 DG1-02 DG1-03 DG1-04 DG1-05 DG2-01 DG2-02 DG2-03 DG2-04 DG2-05 DG3-01 DG3-02 DG3-03 DG3-04 DG3-05
        DG4-01 DG4-02 DG4-03 DG4-04 DG4-05 DG-10 DG-11
    """,
    "35 Gates of deployment automation (003) and of the generated protocol (004)": """
        AG1-01 AG1-02 AG1-03 AG2-01 AG2-02 AG2-03 AG3-01 AG3-02 AG3-03 NG-01 NG-02 NG-03 NG-04
    """,
    "36 Gate configuration and approvers": """
        CFG-01 CFG-02 CFG-03 CFG-04 CFG-05 CFG-06 CFG-07 CFG-08 CFG-09 CFG-10? CFG-11
    """,
    "37 Waivers": """
        WVR-01 WVR-02 WVR-03 WVR-04 WVR-05 WVR-06
    """,
    "38 Automation commands": """
        CMD-00 CMD-01 CMD-62 CMD-02 CMD-63 CMD-64 CMD-03 CMD-65 CMD-66 CMD-04 CMD-67 CMD-05 CMD-06 CMD-07 CMD-08
        CMD-09 CMD-10 CMD-11? CMD-12 CMD-13 CMD-14 CMD-21 CMD-22 CMD-23 CMD-24 CMD-25 CMD-26 CMD-27 CMD-31 CMD-32
        CMD-33 CMD-41 CMD-68 CMD-42 CMD-58 CMD-69 CMD-43 CMD-70 CMD-44 CMD-71 CMD-45 CMD-46 CMD-47 CMD-48 CMD-49?
        CMD-50 CMD-51 CMD-52 CMD-72 CMD-53 CMD-54 CMD-55 CMD-74 CMD-73 CMD-75 CMD-56 CMD-57 CMD-59 CMD-60 CMD-61
    """,
    "39 Communication": """
        COM-01 COM-02? COM-03 COM-04 COM-05 COM-06 COM-07 COM-08 COM-09 COM-10 COM-11 COM-12 COM-13 COM-14? COM-15?
        COM-16 COM-17 COM-18 COM-19 COM-20 COM-21 COM-22 COM-23 COM-24 COM-25? COM-26 COM-27 COM-28
    """,
    "40 Error handling and recovery": """
        ERR-01 ERR-02 ERR-03 ERR-04 ERR-05 ERR-06 ERR-07 ERR-08 ERR-09 ERR-10 ERR-11 ERR-12?
    """,
    "41 CI workflows": """
        CIW-01 CIW-02 CIW-03 CIW-04 CIW-05 CIW-06 CIW-07 CIW-08
    """,
    "42 Manual fallbacks": """
        MAN-01? MAN-02? MAN-03? MAN-04? MAN-05? MAN-06
    """,
    "43 Workflow state, status, metrics, logs, checkpoints": """
        WFS-01 WFS-02? WFS-03 WFS-04 WFS-05 WFS-06 WFS-07 WFS-08 WFS-09 WFS-10
    """,
    "44 Scheduling, parallel runs, time limits, retries": """
        EXE-01? EXE-02 EXE-03 EXE-04 EXE-05
    """,
    "45 Handoff": """
        HND-01 HND-02 HND-03 HND-04 HND-05 HND-06 HND-07 HND-08 HND-09 HND-10 HND-11 HND-12 HND-13
    """,
    "46 Evidence: summary, storage, manifest, traceability": """
        EVS-01 EVS-02 EVS-03 EVS-04 EVS-05 EVS-06 EVS-07 EVS-08 EVS-09 EVS-10 EVS-11 EVS-12 EVS-13 EVS-14 EVS-15
        EVS-16 EVS-17
    """,
    "47 Archival, retention, retrieval, cleanup": """
        ARC-01 ARC-02 ARC-03 ARC-04 ARC-05 ARC-06 ARC-07 ARC-08 ARC-09
    """,
    "48 Reflection, learning, knowledge": """
        LRN-01 LRN-02? LRN-03 LRN-04? LRN-05? LRN-06? LRN-07 LRN-08? LRN-09 LRN-10? LRN-11? LRN-12? LRN-13? LRN-14?
        LRN-15? LRN-16 LRN-17? LRN-18? LRN-19? LRN-20
    """,
    "49 Reasoning and self-monitoring": """
        RSN-01 RSN-15 RSN-16 RSN-17 RSN-18 RSN-02 RSN-03 RSN-04 RSN-05 RSN-06 RSN-07? RSN-08 RSN-09? RSN-10 RSN-11
        RSN-12 RSN-13? RSN-14?
    """,
    "50 Script registry": """
        REG-01 REG-02 REG-03 REG-04 REG-05 REG-06 REG-07?
    """,
    "51 Generator": """
        GEN-01 GEN-02 GEN-03 GEN-04 GEN-05 GEN-06 GEN-07 GEN-08 GEN-09 GEN-10 GEN-11 GEN-12 GEN-13 GEN-14 GEN-15
    """,
    "52 Integration points": """
        IOP-01 IOP-02 IOP-03 IOP-04 IOP-05 IOP-06 IOP-07 IOP-08 IOP-09
    """,
}
"""Area to its ids; a question mark marks a SHOULD: left out it is reported, not blocked."""

FROM_DESIGN = """
BR-01 CP-01 CP-02 CP-03 CP-04 CP-05 CP-06 CP-07 CP-08 CP-09 CP-10 CP-11 CP-12 CP-13 CP-14 CP-15 CP-16 CP-17
CP-18 CP-19 CP-20 CP-21 CP-22 CT-01 CT-02 CT-03 CT-04 CT-05 CT-06 DE-01 EF-01 EF-02 EF-03 EF-04 EF-05 EF-06
EF-07 EF-08 EF-09 EN-01 EN-02 EN-03 EN-04 EN-05 EN-06 EN-07 EN-08 EN-09 EN-10 EN-11 EN-12 EN-13 EN-14 EN-15
EN-16 EN-17 EN-18 EN-19 EN-20 EN-21 FI-01 FI-02 FI-03 FP-01 FP-02 FP-03 FP-04 FP-05 FP-06 FP-07 FP-08 FP-09
FP-10 FP-11 FP-12 FP-13 FP-14 FP-15 FP-16 FP-17 FP-18 FP-19 FP-20 FP-21 FP-22 FP-23 FP-24 FP-25 FP-26 FP-27
FP-28 FP-29 FP-30 FP-31 FP-32 HO-01 HO-02 HO-03 HO-04 HO-05 K8-01 K8-02 K8-03 K8-04 NB-01 NB-02 NB-03 NB-04
NB-05 NB-06 NB-07 NB-08 NB-09 NB-10 NB-11 NB-12 NB-13 NB-14 NB-15 NB-16 NB-17 NB-18 NB-19 NB-20 NB-21 NB-22
NB-23 NB-24 NB-25 NB-26 NB-27 NB-28 NO-01 NO-02 NO-03 PA-01 PA-02 PA-03 PA-04 PG-01 PM-01 PM-02 PM-03 PM-04
PM-05 PX-01 PX-02 PX-03 PX-04 PX-05 PX-06 PX-07 PX-08 PX-09 PX-10 PX-11 PX-12 PX-13 PX-14 PX-15 PX-16 PX-17
SC-01 SC-02 SC-03 SC-04 SC-05 SC-06 SC-07 SC-08 SQ-01 SQ-02 SQ-03 SQ-04 SQ-05 SQ-06 TL01 TL02 TL03 TL04 TL05
TL06 TL07 TL08 TL09 TL10 TL11 TL12 TL13 TL14 TL15 TL16 TR-01 TR-02 TR-03 TR-04 TR-05 TR-06
"""
"""Ids of traps and rules that tests may bear besides requirements (proxies, scanners, faults, engine, peers)."""
