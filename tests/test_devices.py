"""Devices by make and model: real Exif strings whose answer was written down from knowledge of the devices."""

import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.exif import label
from flickrexif.exif.devices import CATEGORIES, device_category, is_smartphone
from flickrexif.exif.makes import canonical_make, rows
from flickrexif.exif.models import clean_model
from tests.samples import DATA, LARGE, SPLIT_FILES, needs

# Make | category, or nonsmart for any that is no smartphone | models. An indented line goes on.
DEVICES = """
Apple | smartphone | iPhone; iPhone 3G; iPhone 4; iPhone 5; iPhone SE; iPhone SE (2nd generation); iPhone XS
    Max; iPhone 12 mini; iPhone 15
Apple | tablet | iPad; iPad 2; iPad mini; iPad Air 2; iPad Pro (11-inch); iPad Pro; iPad (6th generation)
Apple | other | iPod touch; iPod touch (7th generation)
Apple | compact | QuickTake 150; QuickTake 200
samsung | smartphone | SM-G900F; SM-S918B; SM-F916B; GT-I9300; GT-S7562; SGH-T989; SPH-D710; SC-06D; Galaxy
    S23
samsung | tablet | SM-T800; SM-T530; SM-P600; SM-X200; GT-P1000; GT-P7510; GT-N5110; Galaxy Tab S7; SCH-I800
samsung | nonsmart | EK-GC100; EK-GC200; GT-S5230; GT-S5620; SGH-D500; SGH-D900i; SGH-A877; GT-M8800;
    SM-C200
SAMSUNG | nonsmart | NX300; SAMSUNG ES65; ST500; WB250F/WB251F/WB252F; Digimax A50; SGH-E900; SMX-F50;
    MV800; TL350
SAMSUNG | smartphone | GT-I9000; GT-I9100; SM-G930F; GT-S5570; SPH-D700; SCH-I500; SHW-M110S; SHV-E120S;
    SC-01F
SAMSUNG TECHWIN | nonsmart | VLUU NV8, NV8; S73, S730; NV3; Pro 815; Digimax V700; Kenox D530
SAMSUNG TECHWIN CO., LTD. | nonsmart | <Digimax S800 / Kenox S800>; Digimax 410
SONY | nonsmart | DSC-W55; DSC-HX100V; DSLR-A700; ILCE-6000; HDR-CX115E; MAVICA; HDR-AS100V; PSP; ILCA-77M2
Sony | smartphone | C6603; E6653; G3121; I3113; XQ-AT52; SO-02F; LT22i; D2303; LT26w
SONY | smartphone | XQ-AS72; LT26ii; SO-02G
Sony | tablet | SGP311; SGP511; SGP771; Sony Tablet S; SGPT1211; SO-03E; SO-05G; SOT31
Sony Ericsson | smartphone | X10i; MT11i; ST15i; E16i; SO-01B; U5i; M600i; M1i; X8
Sony Ericsson | feature_phone | K750i; W800i; C510; S500i; K700i; W890i; S302; WT13i; TM506
Sony Ericsson | smartphone | Xperia X10; LT28i; MT25i
SonyEricsson | feature_phone | SonyEricssonK750i; K510i
HTC | smartphone | HTC Desire; HTC One; HTC One mini; ADR6400L; APA9292KT; T-Mobile G2; HTC Touch Diamond;
    2PYB2; HTC U11 plus
HTC | nonsmart | HTC Flyer P510e; RE; Nexus 9; HTC-P715a
HUAWEI | smartphone | VOG-L29; HUAWEI P7-L10; WAS-LX1A; VNS-L31; JNY-LX1; HUAWEI Y360-U61; STK-LX1;
    Che2-L11; HUAWEI CAN-L11
HUAWEI | tablet | BAH2-W19; AGS2-W09; SHT-W09; MediaPad M5; BTV-W09; T1-701u; BAH3-W09; S7-104; KOB-L09
HUAWEI | feature_phone | U7510; U1280
HONOR | smartphone | BVL-N49; PGT-N19; FNE-NX9; LGE-NX9; CRT-LX1; ALI-NX1; NTH-NX9; MAA-AN10; HPB-AN00
HONOR | tablet | HEY-W09; AGM3-W09HN
Xiaomi | smartphone | MI 5; Mi A1; M2007J20CG; 2201123G; Redmi Note 5; Redmi 5 Plus; HM 1SW; M2004J19C;
    24030PN60G
Xiaomi | tablet | MI PAD; MI PAD 2; 21051182G; 23043RP34G; 22081283G; MI PAD 4; Redmi Pad; 24018RPACG;
    23073RPBFG
Xiaomi | nonsmart | YDXJ01XY; YDXJ 2
XIAOYI | nonsmart | YDXJ 2; YIAC 3; M1
Redmi | smartphone | 22111317G; 23090RA98G; Redmi Note 12 Pro; 2312DRA50G
POCO | smartphone | M2012K11AG; 22021211RG; POCO X3 NFC; 23049PCD8G; 2311DRK48G; 22101320G
OPPO | smartphone | CPH1917; CPH2173; OPPO R9s; X9076; F1f; X909; PBEM00; Find X2; N5206
OPPO | tablet | OPD2102
vivo | smartphone | vivo 1723; vivo 1906; V2050; V1809A; vivo Y51; V2227A; vivo X20A; I2201; V2145
vivo | tablet | PA2170
OnePlus | smartphone | ONEPLUS A3003; ONEPLUS A6003; GM1903; IN2023; LE2113; NE2213; EB2103; A0001; CPH2581
OnePlus | tablet | OPD2203; OPD2304
realme | smartphone | RMX1931; RMX2001; RMX1971; RMX3363; RMX2202; RMX3085; RMX3312; RMX3710; realme GT
realme | tablet | RMP2102; RMP2204
Motorola | smartphone | XT1032; XT1092; XT910; Milestone; DROID BIONIC; MotoG3; moto g(6); XT890; Blur
motorola | smartphone | moto g(7); moto g(8) plus; motorola one zoom; moto g200 5G; moto g stylus; XT2125-4;
    motorola edge plus; Moto G (5S) Plus; motorola edge 50 pro
Motorola | nonsmart | V3; MOTORAZR V3xx; KRZR K1; V635; MZ601; W755; L6; V360; V600
LG | smartphone | LG-P500; LG-D802; LG-K350; LM-Q710(FGN); VS910 4G; LG-LU2300; Nexus 5; LGV31; LG-D280
LG Electronics | smartphone | LG-H815; LG-D855; LG-H815L; LG-P500; LG-H840; LG-H790; LG-K420; LG-G6
LGE | smartphone | Nexus 4; Nexus 5; Nexus 5X; LG-P500; LG-E739; LG-P925
LG Electronics | tablet | LG-V500; LG-V400; LG-V480; LG-V700; LG-VK810; LG-V410
LG Electronics | feature_phone | KU990; LG-KP500; KS360; GC900; LG-GS290; CU720; LG-GT505; LG-GD880; LG-T375
LG_Electronics | feature_phone | KU990; KC910
Nokia | smartphone | N95; N97; E72; E75; 5530; 6260; 500; 5320; N92
Nokia | feature_phone | 6300; 6303 classic; 7210 Supernova; C1-01; Asha 300; 6125; 7500; 301; 5000d
HMD Global | smartphone | Nokia 8.3 5G; Nokia 6.1; TA-1004; Nokia 9; Nokia 3.4; Nokia XR20; Nokia C20; Nokia
    5; Nokia X71
HMD Global | nonsmart | Nokia 8110 4G; Nokia 2720 Flip; Nokia 225 4G; Nokia T20; Nokia 6300 4G; Nokia 3310
    3G
HMD | smartphone | HMD Pulse Pro; HMD Skyline; HMD Fusion
Microsoft | smartphone | Lumia 950; Lumia 950 XL; Lumia 640 LTE; Lumia 535; Lumia 550; RM-1104; Lumia 435;
    Surface Duo; Surface Duo 2
MicrosoftMDG | smartphone | Lumia 640 XL; Lumia 640; Lumia 535
Microsoft | nonsmart | Surface Pro 3; Surface 3; Surface RT; LifeCam VX-3000; Microsoft LifeCam HD-3000;
    Surface Pro 7; Surface Go
NOKIA | smartphone | Lumia 1520; Lumia 925; Lumia 730; Nokia 808; Nokia_X; Nokia_XL; Lumia 1320
Google | smartphone | Pixel; Pixel XL; Pixel 2 XL; Pixel 3a; Pixel 4 XL; Pixel 5; Pixel 7a; Pixel 8 Pro;
    Pixel 9 Pro XL
Google | nonsmart | Pixel C; Glass 1; Pixel Tablet; Glass Enterprise Edition 2
asus | nonsmart | Nexus 7; ME173X; K013; ASUS Transformer Pad TF300T; Transformer TF101; P01MA; P027; K00E
asus | smartphone | ASUS_Z00AD; ASUS_T00J; ASUS_X00TD; ASUS_AI2202; ZS620KL; ASUS_Z008D; ASUS_I01WD; ZenFone
    5; ASUS_T00G
ZTE | smartphone | ZTE BLADE V6; ZTE-BLADE; ZTE BLADE A610; N9810; Z981; NX511J; N861; ZTE B2017G; Orange
    San Francisco
nubia | smartphone | NX563J; NX569J; NX659J; NX709S
TCL | smartphone | T770H; T780H; 6125F; T671H; T799H; T766J; T776H; T610K
TCL | tablet | 8082; 9081X
TCT | smartphone | ALCATEL ONE TOUCH 993D; ALCATEL ONE TOUCH 6030X; Alcatel_5056X; 5042X; 6045Y; one touch
    997D; 5080X; 6039Y; 5026D
TCL | smartphone | BBB100-2; BBF100-1; BBA100-1; BBD100-1
Alcatel | smartphone | 5099D; 6055K; 5033X; 5041D; 5086D; 5059D; 5052Y; ONE TOUCH 991; 6070K
BlackBerry | smartphone | BlackBerry 9900; BlackBerry 9800; BlackBerry Z10; BlackBerry Q10; STV100-3;
    BlackBerry 9300; STV100-4; BBB100-1; BlackBerry Classic
Research In Motion | smartphone | BlackBerry 8310; BlackBerry 8900; BlackBerry 9700; BlackBerry 9000;
    BlackBerry 8520; BlackBerry 9860; BlackBerry 9650; BlackBerry 9780
RIM | smartphone | BlackBerry Bold
Research In Motion | tablet | BlackBerry PlayBook
Palm | smartphone | Pre; Centro; Treo 650; Palm Treo 680; Pixi; Treo 700p; PVG100
palmOne | smartphone | Treo 600; Treo 650
LENOVO | smartphone | Lenovo A6000; Lenovo K3 Note; Lenovo K8 Note; PB2-670M; Lenovo P780; Lenovo K33a48;
    Lenovo A7000-a; Lenovo PB1-770M; Lenovo A319
LENOVO | tablet | Lenovo TB-8504F; Lenovo TAB 2 A10-70F; TB-X103F; Lenovo YT3-X50F; YOGA Tablet 2-1050F;
    Lenovo A7-30HC; Lenovo TB-X304F; Lenovo TB-J606F; TB-X606F
WIKO | smartphone | RAINBOW; HIGHWAY; VIEW; PULP FAB; GOA; DARKMOON; CINK FIVE; JERRY; Y60
bq | smartphone | Aquaris E5; Aquaris X; Aquaris M5; Aquaris U Plus; Aquaris E4.5; Aquaris M4.5; Aquaris X2
    Pro; Aquaris 5 HD; Aquaris X5 Plus
bq | tablet | Aquaris M10; bq Edison 2; Aquaris M8; bq Edison
Fairphone | smartphone | FP2; FP3; FP4; FP1U; FP5; FP1
Nothing | smartphone | A063; A065; A142; A142P; AIN065; A059P
Essential Products | smartphone | PH-1
Razer | smartphone | Phone; Phone 2
INFINIX MOBILITY LIMITED | smartphone | Infinix X650; Infinix X606B; Infinix X688B; Infinix X6811B; Infinix
    HOT 4
INFINIX | smartphone | Infinix X690B; Infinix X551; Infinix X521; Infinix X6711
TECNO MOBILE LIMITED | smartphone | TECNO KC8; TECNO CF8; TECNO CE7; TECNO KI7; TECNO LD7; TECNO CK8n
TECNO | smartphone | TECNO-C9; TECNO W4; TECNO-J8; TECNO CX AIR; TECNO IN5; TECNO K7
itel | smartphone | itel A56; itel W6004; itel S23; itel it1505
Micromax | smartphone | Micromax A116; Micromax A110; Micromax Q380; Micromax A74; Micromax AQ5001; Micromax
    E481; Micromax A250
LAVA | smartphone | iris 504q; LAVA Z50; iris405; LAVA X8; LXX504; Pixel V1
GIONEE | smartphone | GiONEE_M7; S6; E7; GN9000; F103; A1; M5; Gionee M6; GN5005
Meizu | smartphone | M5s; MX4; PRO 6; M2 Note; m2; 16th; PRO 7-H; 15 Lite; M040
LeMobile | smartphone | Le X620; Le X522; LEX720; Le X820; Le X507; LEX722
Letv | smartphone | X600; X900; Letv X501
Coolpad | smartphone | Coolpad 8675; CP8676_I02; Coolpad 7295; C106; Coolpad E561; Coolpad 3600I
YuLong | smartphone | Coolpad 8720L; Coolpad 9976A
Ulefone | smartphone | Armor 3; Power 2; Armor X5; S7; Armor 7; Power 5; Note 7P
DOOGEE | smartphone | S60; X5max; MIX; BL5000; S68Pro; S88Pro; X5; Y6; V20
Blackview | smartphone | BV6000; BV9500; A7; BV9900; A60; BV5500; BV4900
CUBOT | smartphone | X18 Plus; NOTE S; KING KONG; P20; CUBOT_X18; MAX; ECHO; DINOSAUR; X9
UMIDIGI | smartphone | A7 Pro; A3 Pro; BISON; F2; One Max; S2 Lite; A5 Pro; Z2
UMI | smartphone | ROME X; Super; LONDON; TOUCH
OUKITEL | smartphone | K10000; C8; U7 Plus; K6; WP5; WP6; K6000 Pro; Mix 2
CAT | smartphone | S60; S61; S41; B15Q; S50; S62 Pro; S52; S42; B15
Vertu | smartphone | VERTU Ti; Aster P; Constellation V; VERTU Constellation Quest; Signature Touch
Jolla | smartphone | Jolla; Jolla C
Pantech | smartphone | IM-A760S; IM-A850S; ADR8995; PANTECH P9070; IM-A800S; IM-A910K; IM-A690S;
    PantechP8010; ADR910L
Kyocera | smartphone | KYV32; E6710; S2151; C5170; DIGNO; C5133; 704KC; KYOCERA-E6820; ISW11K
KYOCERA | nonsmart | Finecam S5; KYOCERA FC-S5; Finecam SL300R; FC-L3v; W53K; KC-S3; W44K
SHARP | smartphone | SH-01F; SHL22; SH-13C; SHV40; 003SH; SH-07E; SHG02; SH-M20; 507SH
SHARP | feature_phone | SH-01A; SH-05A; 931SH; SH-06A; SH001; GX30; SH-10C; 941SH; 912SH
Fujitsu | smartphone | F-01F; F-04E; F-10D; F-12C; ISW13F; F-01H; F-51A; IS12F; M04
FUJITSU | feature_phone | F-01B; F-04B; F-09A; F905i; F-08A; F-01C; F-02B; F-10A; F904i
NEC | feature_phone | N-01A; N905i; N-05A; N906i; N-02B; N-01B; N-08A; N703iD
NEC | smartphone | N-04C; N-06C; N-05D; N-06E; N-02E; N-07D; N-04D; NEC-101S; N-01D
Panasonic | smartphone | ELUGA I2; P-04D; ELUGA Ray; P-01D; T21; ELUGA Note; P-06D; 101P; ELUGA Z
Panasonic | feature_phone | P-01A; P905i; P-07A; P-02A; P-04B; P-01B; P-01C; 822P; 830P
Panasonic | nonsmart | DMC-FZ50; DMC-TZ5; DC-GH5; DMC-FX01; DC-TZ90; SDR-S150; HX-WA10; DMC-ZS3; DMC-FT5
CASIO COMPUTER CO.,LTD. | nonsmart | EX-Z750; EX-FH20; EX-S500; EX-F1; QV-R51; EX-TR150; EX-Z1000; EX-FC100;
    EX-10
CASIO | nonsmart | QV-3000EX; QV-8000SX; QV-4000; GV-20
Casio | smartphone | C771; CA-201L; C811 4G; G'zOne
CASIO | feature_phone | W61CA; W53CA; CA001; CA004; CA006; W41CA; W51CA
T-Mobile | smartphone | T-Mobile G1; T-Mobile myTouch 3G; REVVL; T-Mobile G2 Touch; REVVLRY+; Vairy Touch;
    MDA compact; T-Mobile myTouch
Orange | smartphone | Orange Boston; Orange Roya; Rise 30; Orange Nura
Vodafone | smartphone | Vodafone 945; Vodafone Smart III; VFD 600; VFD 700; Vodafone 858; Smart ultra 6
KDDI | smartphone | INFOBAR A01; ISW11K
Smartisan | smartphone | SM705; OD103; SM919; OE106; YQ601
HISENSE | smartphone | HLTE300E; Hisense U962; HS-EG978; Hisense F24; HS-U970; Hisense A6L; HNR550T
General Mobile | smartphone | GM 5 Plus; GM 8; GM 6; General Mobile 4G; Discovery Air; GM 9 Plus
VESTEL | smartphone | VENUS V3 5040; Vestel Venus E3; VSP355G; Vestel 5000
Crosscall | smartphone | TREKKER-X3; Trekker-X4; Core-X3; ODYSSEY+; Trekker-M1 Core; Action-X3
Doro | smartphone | Doro 8040; Doro Liberto 820; Doro 8035; DSB-0010; Doro 825; Doro 8080
Gigaset | smartphone | GS290; GS185; GS370_Plus; GS5; GS195; GX290
Acer | smartphone | Liquid; E310; Z520; Liquid MT; E39; T03; beTouch E400; Liquid E700; Jade Z
Acer | nonsmart | CR-5130; CE-5330; CS-6531N; A500; B1-730HD; Iconia A700; A1-810; CI-6530; CU-6530
Dell | smartphone | Dell Streak; Dell Venue; XCD35; Venue Pro; Aero
Dell | tablet | Venue 8 7840; Venue 7 3730; Dell Streak 7
BLU | smartphone | STUDIO 5.0 C HD; DASH L3; Vivo XL; R1 HD; LIFE ONE X2; G9; BLU STUDIO 5.5; VIVO 5R;
    ADVANCE 5.0
YU | smartphone | YU5040; AO5510; YU5530; YU5510; YU4711
Xolo | smartphone | Q1000; X900; Era; A500S IPS; Black; 8X-1000
Karbonn | smartphone | Karbonn A6; Titanium S5; Karbonn S5 Titanium; Aura
Yota Devices | smartphone | YD201; YotaPhone 2; C9660; YD206
Highscreen | smartphone | Boost 3; Power Five; Zera S; Boost IIse
Fly | smartphone | IQ4415 Quad; IQ446; FS504; IQ239; IQ451; FS452
Prestigio | smartphone | PSP3403DUO; PAP5000DUO; PSP5453DUO; PSP7570DUO; PAP4055DUO; PSP5551DUO
Prestigio | tablet | PMP3670B; PMT3038_3G; PMP5880D
ARCHOS | smartphone | Archos 50 Platinum; Archos 45 Helium 4G; ARCHOS 50 Diamond; Archos 40 Titanium; Archos
    Sense 55S; Archos 55 Cobalt Plus; Archos 53 Platinum
ARCHOS | tablet | ARCHOS 101G10; ARCHOS 80G9; Archos 101 Platinum; ARCHOS 70it2; Archos 97 Carbon
Amazon | nonsmart | KFTT; KFTHWI; KFAPWI; KFGIWI; KFDOWI; KFSUWI
Amazon | smartphone | SD4930UR
Leica Camera AG | nonsmart | M8 Digital Camera; LEICA M MONOCHROM (Typ 246); LEICA SL (Typ 601); LEICA M10;
    LEICA Q2; LEICA S (Typ 007); LEICA T (Typ 701); LEICA X2; LEICA M11
LEICA | nonsmart | DIGILUX 2; D-LUX 3; D-LUX 4; C-LUX 1; V-LUX 1; DIGILUX 3; D-LUX 5
Leica Camera AG | smartphone | LEITZ PHONE 1; LP-02; Leitz Phone 3
Kodak | nonsmart | EasyShare Z1012 IS; DC280; CX7430; EASYSHARE C613 ZOOM DIGITAL CAMERA; P880 ZOOM DIGITAL
    CAMERA; PIXPRO AZ252; SP360; DCS Pro SLR/n
EASTMAN KODAK COMPANY | nonsmart | KODAK EASYSHARE M753 ZOOM DIGITAL CAMERA; KODAK DX6490 ZOOM DIGITAL
    CAMERA; KODAK DC210 Zoom (V05.00); DC290 Zoom Digital Camera (V01.00); KODAK V570 DUAL LENS DIGITAL
    CAMERA; KODAK EASYSHARE Z990 DIGITAL CAMERA
KODAK | smartphone | IM5; EKTRA; Ektra
Polaroid | nonsmart | Polaroid i835; t1035; is426; Polaroid iM1836; PDC3030; a520; Polaroid i1037; CAA-633D;
    Polaroid Snap Touch
Vivitar | nonsmart | ViviCam 3705; ViviCam X018; Vivicam 8400; ViviCam 5386
General Electric Co. | nonsmart | E1035; X5; A735; E850; J1455
GE | nonsmart | A950; X400; G100
Hewlett-Packard | nonsmart | HP PhotoSmart 715 (V01.00); HP PhotoSmart R707 (V01.00); HP Photosmart M547; HP
    PhotoSmart C850 (V05.27); HP Scanjet 4370; HP PhotoSmart 618 (V1.1); HP Photosmart Mz60; Photosmart
    C4180; HP ov7675
HP | smartphone | HP iPAQ hw6900; Veer; HP Pre3; Elite x3
Minolta Co., Ltd. | nonsmart | DiMAGE 7Hi; DiMAGE F100; DiMAGE 7i; DiMAGE X; DiMAGE S414
KONICA MINOLTA | nonsmart | MAXXUM 7D; DYNAX 5D; ALPHA SWEET DIGITAL; DiMAGE Z3
Konica Minolta Camera, Inc. | nonsmart | DiMAGE A200; DiMAGE Z2; DiMAGE X31; DiMAGE G600
RICOH | nonsmart | GR DIGITAL 2; Caplio R5; GXR; CX1; GR; Caplio GX100; R10; GR III; RDC-5300
RICOH IMAGING COMPANY, LTD. | nonsmart | PENTAX K-1; PENTAX K-3 II; GR II; WG-50; RICOH GR IIIx; PENTAX KP;
    RICOH THETA V
PENTAX Corporation | nonsmart | PENTAX *ist DS; PENTAX K10D; PENTAX K100D; PENTAX Optio S5i; PENTAX Optio
    W10
PENTAX | nonsmart | PENTAX K-5; PENTAX K-x; PENTAX Q; PENTAX 645D; PENTAX Optio P80; PENTAX K-01; PENTAX X-5
OLYMPUS IMAGING CORP. | nonsmart | E-510; E-PL1; SP570UZ; u1010,S1010; E-M5; FE310,X840,C530; TG-1; XZ-1;
    E-30
OLYMPUS CORPORATION | nonsmart | E-500; SP350; u20D,S400D,u400D; E-M10MarkII; C5060WZ; PEN-F; TG-5;
    TG-Tracker; C770UZ
OM Digital Solutions | nonsmart | OM-1; OM-5; E-P7; TG-7; OM-1MarkII
FUJIFILM | nonsmart | FinePix S9600; X100S; X-E1; X100V; FinePix S3Pro; X20; SLP1000SE; X-S10; X-H2S
FUJI PHOTO FILM CO., LTD. | nonsmart | SP-2000; FinePix2400Zoom; SLP800
NIKON | nonsmart | COOLPIX S210; COOLPIX P90; E995; COOLPIX P1000; E4500; COOLPIX A; COOLPIX S810c; E8700;
    Nikon SUPER COOLSCAN 5000 ED
NIKON CORPORATION | nonsmart | NIKON D40X; NIKON D3S; NIKON D3300; NIKON 1 V1; NIKON Z 7; NIKON Df; NIKON 1
    J5; NIKON Z f; NIKON D2X
Canon | nonsmart | Canon EOS M50; Canon EOS 77D; Canon DIGITAL IXUS 70; Canon PowerShot G7 X; Canon EOS-1Ds
    Mark II; MP560; Canon VIXIA HF S10; Canon EOS REBEL SL1; Canon EOS C70
SEIKO EPSON CORP. | nonsmart | PhotoPC 850Z; R-D1; Perfection V700; GT-X970; L-500V
EPSON | nonsmart | Perfection V500; Expression 10000XL; PictureMate
DJI | nonsmart | FC220; FC300X; FC6310; FC7203; OT110; L1D-20c; Osmo Action; FC350; Osmo Pocket 3
Hasselblad | nonsmart | L1D-20c; X1D; Hasselblad H3D-39; L2D-20c; X1D II 50C; Hasselblad 500 mech.; CFV-50
GoPro | nonsmart | HERO4 Black; HERO3+ Silver Edition; HERO7 Black; HD2; HERO8 Black; YHDC5170; GoPro Max;
    HERO10 Black; HERO5 Session
Insta360 | nonsmart | Insta360 ONE X; ONE R; X3
Arashi Vision | nonsmart | Insta360 OneX2; Insta360 One R
Parrot | nonsmart | Bebop Drone; ANAFI; Bebop 2
SIGMA | nonsmart | SIGMA DP1; SIGMA SD14; SIGMA dp2 Quattro; SIGMA DP2 Merrill; SIGMA sd Quattro H; SIGMA fp
Phase One | nonsmart | P 45+; IQ180; IQ3 100MP
Leaf | nonsmart | Leaf Aptus 75(LI300123   )/Hasselblad H2
Noritsu Koki | nonsmart | QSS-29_31; QSS-32_33; QSS
NORITSU KOKI | nonsmart | QSS-30; EZ Controller
SANYO | nonsmart | S4; VPC-E60; X1200; E1075
SANYO Electric Co.,Ltd. | nonsmart | S670; J1; HD1; C4; X400
TOSHIBA | nonsmart | PDR-M4; PDR-3310; PDR-M70; CAMILEO H10; PDRM25
TOSHIBA | smartphone | TG01; T-01C; IS04; T-02D; T-01D; REGZA Phone T-01C
Toshiba | tablet | AT100; AT300; AT200
BenQ | nonsmart | DC C1000; DC E510; DC X720; DC T800; DC S40
BENQ | nonsmart | DC C640; LH500; GH600
BENQ-SIEMENS | nonsmart | EF81; S68; E71; CL71; C81
SIEMENS | nonsmart | S65; CX65; M65; C65; CX75
PHILIPS | smartphone | Philips W732; Xenium W8510; Philips S388; Philips Xenium V387; Philips W3568; Philips
    S337
Logitech | nonsmart | QuickCam Pro 9000; HD Pro Webcam C920; Logitech Webcam 200
Contax | nonsmart | Contax N Digital; U4R; CONTAX i4R
AGFA | nonsmart | ePhoto CL18; ePhoto 1280; ePhoto CL30
Concord | nonsmart | Concord EyeQ 4360z; 4060AF; EyeQ 3040AF
Mamiya | nonsmart | Mamiya ZD; DM33
JVC | nonsmart | GC-QX5HD; GZ-MG505; GC-PX1
Traveler | nonsmart | DC-8300; DC-XZ6
Medion | nonsmart | MD 86423; DC-6300; P44022
Jenoptik | nonsmart | JD C 3.1 z3; JD5200z3
Garmin | nonsmart | VIRB; VIRB XE; VIRB 360
Reconyx | nonsmart | HC600 HYPERFIRE
Bushnell | nonsmart | 119537C; Trophy Cam
FLIR Systems AB | nonsmart | FLIR E60; FLIR ONE
AIPTEK | nonsmart | PocketDV; DV5700
YI TECHNOLOGY | nonsmart | M1; YI 4K+ Action Camera
Rollei | nonsmart | Compactline 230; XS-8; dt3200; X-8
PRAKTICA | nonsmart | DCZ 5.4; luxmedia 10-TS; Luxmedia 5103
Hitachi | nonsmart | HDC-831E; DZ-HS300E
Light Co. | nonsmart | L16
Lytro | nonsmart | Illum; F01
HKC | smartphone | HKC Pearl
Lanix | smartphone | Ilium S130; Ilium L900
Symphony | smartphone | Symphony W68; Symphony Xplorer W125; i95
QMobile | smartphone | QMobile i9; A900; Z8; NOIR X90
Cherry Mobile | smartphone | Flare S4; Flare X; Omega HD 2.0
Wileyfox | smartphone | Wileyfox Swift; Swift 2 X; Spark X
Allview | smartphone | P5_Quad; X2_Soul; V1_Viper; A6_Duo; X4 Soul
Elephone | smartphone | P8000; P9000; S7; U Pro
LEAGOO | smartphone | M8; T5; KIICAA MIX; S9
HOMTOM | smartphone | HT17; HT37; S8; HT7
Vernee | smartphone | Thor; Apollo Lite; Mars Pro; Mix 2
Zopo | smartphone | ZP980; ZP998; Speed 7
THL | smartphone | thl 5000; thl W8S; T9 Pro
JIAYU | smartphone | JY-G4; JY-S3; G3S
alps | smartphone | X9; N9500; V7
Sonim | smartphone | XP8800; XP7700
InFocus | smartphone | InFocus M320; InFocus M2; M535
Cellon | smartphone | C8690
Garmin-Asus | smartphone | A50; A10; nuvifone
Foxconn | smartphone | InFocus IN810
Nextbit | smartphone | Robin
Teracube | smartphone | Teracube 2e
SHIFT | smartphone | SHIFT6m; SHIFT6mq
Unihertz | smartphone | Atom; Jelly2; Titan
AGM | smartphone | A9; X1; X3; H3
black shark | smartphone | SKR-H0; SKW-H0; SHARK KLE-A0
RED | nonsmart | EPIC-M DRAGON
"""


def pairs(table: str = DEVICES) -> list[tuple[str, str, str]]:
    """(make, expected, model) of each model in `table`."""
    lines = re.sub(r"\n +", " ", table.strip()).splitlines()
    fields = (line.split(" | ", 2) for line in lines)
    return [(make, expected, model) for make, expected, models in fields for model in models.split("; ")]


def test_smart_and_non_smart_of_real_devices() -> None:
    wrong = [
        (make, model, category)
        for make, expected, model in pairs()
        if is_smartphone(category := device_category(make, model)) is not (expected == "smartphone")
    ]
    assert len(pairs()) > 1_000
    assert wrong == []


def test_categories_of_real_devices() -> None:
    named = [(make, expected, model) for make, expected, model in pairs() if expected in CATEGORIES]
    wrong = [(m, e, x) for m, e, x in named if device_category(m, x) != e]
    assert wrong == []


CATEGORY_OF = [
    ("Canon", "Canon EOS 5D Mark III", "dslr"),
    ("Canon", "Canon EOS REBEL T3i", "dslr"),
    ("Canon", "Canon EOS R5", "mirrorless"),
    ("Canon", "Canon EOS M50", "mirrorless"),
    ("Canon", "Canon PowerShot SX60 HS", "bridge"),
    ("Canon", "Canon DIGITAL IXUS 70", "compact"),
    ("Canon", "CanoScan LiDE 110", "flatbed_scanner"),
    ("NIKON CORPORATION", "NIKON D750", "dslr"),
    ("NIKON CORPORATION", "NIKON Z 6_2", "mirrorless"),
    ("NIKON", "COOLPIX P1000", "bridge"),
    ("NIKON", "COOLPIX P6000", "compact"),
    ("NIKON", "COOLPIX S800c", "compact"),
    ("NIKON", "Nikon SUPER COOLSCAN 5000 ED", "film_scanner"),
    ("SONY", "DSLR-A700", "dslr"),
    ("SONY", "ILCE-7M3", "mirrorless"),
    ("SONY", "DSC-RX100M3", "compact"),
    ("SONY", "HDR-AS100V", "action"),
    ("Eastman Kodak Company", "Kodak CLAS Digital Film Scanner / HR200", "film_scanner"),
    ("NORITSU KOKI", "QSS-32_33", "film_scanner"),
    ("Polaroid", "SprintScan 4000", "film_scanner"),
    ("AGFA", "d-lab.2", "film_scanner"),
    ("Canon", "iR-ADV C5235", "flatbed_scanner"),
    ("KONICA MINOLTA", "bizhub C364e", "flatbed_scanner"),
    ("RICOH", "Aficio MP C3001", "flatbed_scanner"),
    ("SAMSUNG", "SCX-4x21 Series", "flatbed_scanner"),
    ("Kodak", "Kodak i200", "flatbed_scanner"),
    ("Oce", "9400", "flatbed_scanner"),
    ("Caplio", "RR330", "compact"),
    ("HP", "HP Officejet 6500 E710n-z", "flatbed_scanner"),
    ("EPSON", "Perfection V500", "flatbed_scanner"),
    ("Minolta Co., Ltd.", "DiMAGE Scan Elite 5400", "film_scanner"),
    ("DJI", "FC220", "drone"),
    ("Hasselblad", "L1D-20c", "drone"),
    ("DJI", "OT110", "action"),
    ("GoPro", "HERO4 Black", "action"),
    ("RICOH", "RICOH THETA S", "action"),
    ("Logitech", "HD Pro Webcam C920", "webcam"),
    ("Microsoft", "LifeCam Cinema", "webcam"),
    ("samsung", "EK-GC100", "compact"),
    ("samsung", "EK-GN120", "mirrorless"),
    ("Panasonic", "DMC-CM1", "smartphone"),
    ("Apple", "iPod touch", "other"),
    ("Sony Ericsson", "K750i", "feature_phone"),
    ("HTC", "HTC Hero", "smartphone"),
    ("GoPro", "HERO", "action"),
    ("OnePlus", "LE2123", "smartphone"),
]


@pytest.mark.parametrize(("make", "model", "category"), CATEGORY_OF)
def test_category(make: str, model: str, category: str) -> None:
    assert device_category(make, model) == category


def test_case_of_the_make_decides_where_the_model_does_not() -> None:
    assert device_category("samsung", "Never Seen 1") == "smartphone"
    assert device_category("SAMSUNG", "Never Seen 1") == "compact"
    assert device_category("Sony", "Never Seen 1") == "smartphone"
    assert device_category("SONY", "Never Seen 1") == "compact"


def test_unknown_makers_and_missing_names_are_unknown() -> None:
    for make, model in [("456", "123"), (None, None), ("", ""), ("Canon", None), ("Apple", None)]:
        assert device_category(make, model) == "unknown"
        assert is_smartphone("unknown") is None


def test_a_model_can_name_the_maker() -> None:
    assert device_category(None, "NIKON D90") == "dslr"
    assert device_category("", "iPhone 6") == "smartphone"
    assert device_category(None, "Nokia N95") == "smartphone"


# Public photos without an exposure, or of makers that were not known: metadata-extractor's, exiv2's, forums'.
NO_SCANNERS = """
FUJIFILM | compact | DS-7; DX-5; DX-7; DX-10; MX-700
CASIO | compact | QV-10; QV-11; QV-7000SX
RICOH | compact | RDC-1; DC-3Z
Canon | compact | Canon PowerShot 350; Canon PowerShot 600
HP | compact | HP PhotoSmart 318; PhotoSmart C200
VTech | compact | VTech Kidizoom Digital Camera; Kidizoom
Infisense | other | P2; P2 Pro
HIKMICRO | other | HIKMICRO B20
Seek Thermal | other | Seek Thermal Compact
FLIR Systems AB | other | FLIR E8
RaspberryPi | other | RP_ov5647; RP_imx219; ov5647
Raspberry Pi | other | imx477; /base/soc/i2c0mux/i2c@1/ov5647@36
Motorol | smartphone | XT1068
Unknown | unknown | Camera 1; SP-8
Unheard Of | unknown | MS01
"""


@pytest.mark.parametrize(("make", "category", "model"), pairs(NO_SCANNERS))
def test_a_missing_exposure_makes_no_scanner(make: str, category: str, model: str) -> None:
    assert label({"Make": make, "Model": model}).device_category == category


def test_scanners_by_file_source_and_by_name() -> None:
    assert device_category("NIKON CORPORATION", "NIKON D750", file_source="Film Scanner") == "film_scanner"
    assert device_category("Canon", "x", file_source="Reflection Print Scanner") == "flatbed_scanner"
    assert device_category("NIKON CORPORATION", "NIKON D750", file_source="Digital Camera") == "dslr"
    assert device_category("EASTMAN KODAK COMPANY", "FD 300") == "film_scanner"
    assert device_category("Fuji Lab Systems", "MS01") == "film_scanner"
    assert device_category("HP", "HP psc 1400 series") == "flatbed_scanner"
    assert device_category("Canon", "Canon MP610 series") == "flatbed_scanner"


def test_smart_is_only_the_smartphone() -> None:
    assert {c for c in CATEGORIES if is_smartphone(c)} == {"smartphone"}
    assert {c for c in CATEGORIES if is_smartphone(c) is None} == {"unknown"}
    assert is_smartphone("no such category") is None


@pytest.mark.parametrize("table", ["rules.csv", "devices.csv", "cameras.csv"])
def test_tables_hold_known_categories_under_canonical_makes(table: str) -> None:
    for make, _, category in rows(table):
        assert category in CATEGORIES
        assert make in ("*", "?") or canonical_make(make) == make


@given(st.one_of(st.none(), st.text()), st.one_of(st.none(), st.text()), st.text())
def test_any_text_has_a_category(make: str | None, model: str | None, source: str) -> None:
    assert device_category(make, model, file_source=source) in CATEGORIES


@given(st.sampled_from(pairs()), st.sampled_from(["", " ", "\0", "\0\0  ", "   \t"]))
def test_padding_changes_nothing(pair: tuple[str, str, str], padding: str) -> None:
    make, _, model = pair
    assert device_category(make, model + padding) == device_category(make, model)


@pytest.mark.parametrize("folder", SPLIT_FILES)
def test_published_smartphone_classes(folder: Path) -> None:
    smart = _classes(folder, "Smartphone Model")
    for model in _classes(folder, "Model"):
        make = "Apple" if model in smart else next((m for m in ("Canon", "NIKON") if model.startswith(m)), None)
        make = make or {"E": "OLYMPUS CORPORATION", "X": "FUJIFILM", "K": "Kodak"}.get(model[0], "SONY")
        assert is_smartphone(device_category(make, model)) is (model in smart), model
        assert clean_model(make, model) == model


def _classes(path: Path, name: str) -> list[str]:
    split = json.loads((path / f"split_data_target_attribute={name}.json").read_text(encoding="utf-8"))
    return list(split["label_encoder_classes"])


SMART = {"HTC Desire"}
MORE_SMART = {
    *("iPhone 5s", "iPhone 6", "XT1068", "Nokia Lumia 800", "Nokia 8.3 5G"),
    *("GT-I9000", "GT-I9505", "SM-G930F", "SM-G965W"),
}


@pytest.mark.parametrize(
    ("folder", "smart", "unknown"),
    [
        pytest.param(DATA, SMART, [], id="samples"),
        pytest.param(LARGE / "camera-photos", SMART | MORE_SMART, ["123"], id="large", marks=needs("camera-photos")),
    ],
)
def test_real_photos(folder: Path, smart: set[str], unknown: list[str]) -> None:
    with (folder / "SOURCES.csv").open(encoding="utf-8") as file:
        devices = {(row["make"], row["model"]) for row in csv.DictReader(file) if row["make"]}
    categories = {model: device_category(make, model) for make, model in devices}
    assert {model for model, category in categories.items() if is_smartphone(category)} == smart
    assert [model for model, category in categories.items() if category == "unknown"] == unknown
