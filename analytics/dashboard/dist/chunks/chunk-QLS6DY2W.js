import{b as E,g as te}from"./chunk-B6TNGEH2.js";import{b as ee}from"./chunk-AZHLYJBZ.js";import{a as C,c as P}from"./chunk-22CEYVEG.js";import{b as D,c as se}from"./chunk-UO3QC5Z5.js";import{b as j}from"./chunk-QORAWW77.js";import{a as W,c as X,d as Z}from"./chunk-YF7XTT2S.js";import{b as S}from"./chunk-ZJPEX3X2.js";import{a as Y}from"./chunk-6M7UO4EF.js";import{A as b,Fa as e,Ga as oe,K as O,La as B,N as V,P as w,Pa as T,Ra as I,Y as _,b as L,c as z,ea as G,fa as H,g as s,na as J,o as F,ra as x,u as Q,v as K,z as f}from"./chunk-UMTCUHV3.js";function re({points:t,before:o,metric:r,name:l,total:$,unit:d,meta:a,state:i,go:u,csv:h}){let y=I(i.view==="table",()=>Promise.resolve(Z)),n=e(d+"Unit"),c=e("chartLabel",{measure:l,unit:n,value:O[r].long($)}),g={points:t,before:o?.series,metric:r,unit:d,label:c,now:Date.parse(a.computed_at)},v=(p,k)=>{let m=d==="hour"?k.date:F(k.to.slice(0,10),-1);(p.date!==m||t[0].date!==m)&&u({period:"custom",from:p.date,to:m,unit:""})};return s`<div class="plot">
    <div class="plot-head">
      <span class="legend"><span class="key"></span>${l}, ${V(a.from,a.to)}</span>
      ${o&&s`<span class="legend"><span class="key before"></span>${V(o.from,o.to)}</span>`}
      <span class="grow"></span>
      <span class="tools"><${G} state=${i} go=${u} /><${H} state=${i} go=${u} />
        <a class="iconbtn" href=${h} download title=${e("csv")} aria-label=${e("csv")}><${_} name="download" /></a></span>
    </div>
    ${i.view==="table"&&y?s`<${y.PointTable} ...${g} />`:s`<${W} ...${g} notes=${[]} zoom=${v} />`}
  </div>`}var U=({name:t,metric:o,value:r,chosen:l,choose:$,foot:d})=>s`<button class="kpi" aria-pressed=${o===l}
  title=${O[o].long(r)} onClick=${()=>$(o)}><span class="kpi-label">${t}</span>
  <span class="kpi-value">${O[o].short(r)}</span><span class="kpi-foot">${d}</span></button>`,R=["country","region","city","language","device","browser","os","screen","path","hostname","channel","source","referrer","utm_campaign","utm_source","utm_medium","utm_term","utm_content","subject"];var ne=3;function Re({data:t,isBusy:o,state:r,open:l}){return s`<section class=${"card panel"+(o?" busy":"")} aria-label=${e("eventTypes")}>
    <div class="tabs"><h2 class="tab on">${e("eventTypes")}</h2></div>
    ${t?t.types.length?s`<${ie} data=${t} state=${r} open=${l} />`:s`<${x} title=${e("noTypes")}>${e("noTypesText")}<//><${M} />`:s`<div class="skeleton list-sk"></div>`}
    ${t&&t.type_count>t.types.length&&s`<div class="panel-foot"><span>${e("typesInAll",{n:f(t.type_count)},t.type_count)}</span></div>`}
  </section>`}var M=({type:t})=>s`<div class="snippets">${te(t).map(({label:o,text:r})=>s`<div key=${o}>
  <div class="code-head">${o}</div><${ee} text=${r} label=${o} /></div>`)}</div>`;function ie({data:t,state:o,open:r}){let l=t.types.some(a=>a.change),$=t.types[0].series.length>=ne,d=Math.max(1,...t.types.map(a=>a.events));return s`<table class="wide">
    <colgroup><col />${$&&s`<col class="c-t hide-small" />`}<col class="c-v" /><col class="c-v" />
      ${l&&s`<col class="c-v hide-small" />`}<col class="c-d hide-small" /></colgroup>
    <thead><tr><th scope="col">${e("type")}</th>${$&&s`<th scope="col" class="hide-small">${e("trend")}</th>`}
      <th scope="col">${e("events")}</th><th scope="col">${e("users")}</th>
      ${l&&s`<th scope="col" class="hide-small">${e("change")}</th>`}<th scope="col" class="hide-small">${e("lastDay")}</th></tr></thead>
    <tbody>${t.types.map(a=>s`<tr key=${a.type}>
      <td class="row"><span class="fill" style=${{"--w":a.events/d*100+"%"}}></span>
        <a class="cell" href=${C(o,{type:a.type})} title=${e("typeOpen",{name:a.type})}
          onClick=${P(()=>r({type:a.type}))}><span class="lbl">${E(a.type)}</span></a></td>
      ${$&&s`<td class="spark-cell hide-small"><${Y} values=${a.series} /></td>`}
      <td class="v" title=${f(a.events)}>${b(a.events)}</td><td class="v" title=${f(a.users)}>${b(a.users)}</td>
      ${l&&s`<td class="v hide-small"><${S} change=${a.change?.events} good=${1} /></td>`}
      <td class="s hide-small">${w(a.last_day,a.last_day)}</td></tr>`)}</tbody></table>`}var N=10,ce=100;function pe({type:t,state:o,params:r,go:l,open:$,ready:d}){let a=q(t,o),i=T("reports/event-types?"+ae(a,o)),u=new URLSearchParams(a);u.set("granularity",Q(o));let h=T("reports/timeseries?"+ae(u,o)),y=r.measure==="users"?"users":"events",n=m=>$({...r,measure:m==="events"?"":m},!0),c=i.data?.types.find(m=>m.type===t),g=i.error??h.error,v=m=>m.map(A=>({...A,users:A.visitors})),{data:p}=h,k=(p!==null||h.error!==null)&&(i.data!==null||i.error!==null);return z(()=>d(k),[k]),s`<${D} error=${g} meta=${p?.meta} retry=${()=>{i.retry(),h.retry()}} go=${l} />
    <section class=${"card hero"+(h.isBusy&&p?" busy":"")} aria-label=${t}>
      <div class="kpis four">
        <${U} name=${e("events")} metric="events" value=${i.data?c?.events??0:null} chosen=${y} choose=${n}
          foot=${c?.change&&s`<${S} change=${c.change.events} good=${1} /><span>${e("fromValue",{value:b(c.previous?.events)})}</span>`} />
        <${U} name=${e("users")} metric="users" value=${i.data?c?.users??0:null} chosen=${y} choose=${n}
          foot=${c?.change&&s`<${S} change=${c.change.users} good=${1} /><span>${e("fromValue",{value:b(c.previous?.users)})}</span>`} />
        <${j} name=${e("firstDay")} value=${c?w(c.first_day,c.first_day):"–"} foot=${e("inPeriod")} />
        <${j} name=${e("lastDay")} value=${c?w(c.last_day,c.last_day):"–"} foot=${e("inPeriod")} />
      </div>
      ${p?i.data&&!c?s`<${x} title=${e("noTypes")}>${e("noTypesText")}<//><${M} type=${t} />`:s`<${re} points=${v(p.series)} before=${p.previous&&{...p.previous,series:v(p.previous.series)}} metric=${y}
          name=${e(y)} total=${c?.[y]??null} unit=${p.granularity} meta=${p.meta} state=${o} go=${l}
          csv=${B("reports/timeseries?"+u+"&format=csv")} />`:s`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`}
    </section>
    <div class="panels">
      <${me} type=${t} state=${o} chosen=${r.prop} open=${m=>$({...r,prop:m},!0)} params=${r} />
      ${r.prop&&s`<${le} key=${r.prop} type=${t} state=${o} go=${l} dimension=${"payload."+r.prop}
        title=${e("valuesOf",{name:$e(r.prop)})} />`}
      <${le} type=${t} state=${o} go=${l} dimension=${r.by||R[0]} title=${e("by")}
        choose=${m=>$({...r,by:m===R[0]?"":m},!0)} />
    </div>
    ${p&&s`<${se} meta=${p.meta} took=${h.took} />`}`}var $e=t=>t.replace(/\\(.)/g,"$1");function q(t,o){let r=K(o);return r.set("type",t),r}var ae=(t,o)=>t+(o.compare==="none"?"":"&compare="+o.compare);function me({type:t,state:o,chosen:r,open:l,params:$}){let d=q(t,o);d.set("limit",String(ce));let{data:a,error:i,isBusy:u,retry:h}=T("reports/properties?"+d),y=Math.max(1,...(a?.properties??[]).map(n=>n.events));return s`<section class=${"card panel"+(u&&a?" busy":"")} aria-label=${e("propertiesOf")}>
    <div class="tabs"><h2 class="tab on">${e("propertiesOf")}</h2></div>
    ${i&&s`<${D} error=${i} retry=${h} go=${()=>{}} />`}
    ${a?a.properties.length?s`<div class="scrolls" tabindex="0" role="group" aria-label=${`${e("propertiesOf")}: ${E(t)}`}><table>
      <colgroup><col /><col class="c-v" /><col class="c-v" /></colgroup>
      <thead><tr><th scope="col">${e("property_")}</th><th scope="col">${e("users")}</th><th scope="col">${e("events")}</th></tr></thead>
      <tbody>${a.properties.map(n=>s`<tr key=${n.name} class=${n.property===r?"chosen":""}>
        <td class="row"><span class="fill" style=${{"--w":n.events/y*100+"%"}}></span>
          <a class="cell" aria-current=${n.property===r?"true":void 0} href=${C(o,{...$,type:t,prop:n.property})}
            title=${e("valuesOpen",{name:n.name})} onClick=${P(()=>l(n.property===r?"":n.property))}>
            <span class="lbl">${n.name}</span></a></td>
        <td class="v" title=${f(n.users)}>${b(n.users)}</td><td class="v" title=${f(n.events)}>${b(n.events)}</td></tr>`)}</tbody></table></div>`:s`<${x} title=${e("noProperties")}>${e("noPropertiesText")}<//><${M} type=${t} />`:!i&&s`<div class="skeleton list-sk"></div>`}
    <div class="panel-foot"><span>${a&&a.property_count>a.properties.length?e("propertiesInAll",{n:f(a.property_count)},a.property_count):""}</span></div>
  </section>`}function le({type:t,state:o,go:r,dimension:l,title:$,choose:d}){let[a,i]=L(!1),u=q(t,o);u.set("dimension",l),u.set("measures","events,visitors"),u.set("limit",String(N));let{data:h,error:y,isBusy:n,retry:c}=T("reports/breakdown?"+u),g=I(a,()=>import("./details-VW4UF2PW.js")),v=h?.dimension===l?h:null,p=(k,m)=>r({filter:J(o.filter,k,m)});return s`<section class=${"card panel"+(n&&v?" busy":"")} aria-label=${$}>
    <div class="tabs"><h2 class="tab on">${$}</h2>${d&&s`<${de} value=${l} choose=${d} />`}<span class="grow"></span>
      <a class="iconbtn" href=${B("reports/breakdown?"+u+"&format=csv").replace(`limit=${N}`,"limit=1000")} download
        title=${e("csv")} aria-label=${`${e("csv")}: ${$}`}><${_} name="download" /></a></div>
    ${y&&s`<${D} error=${y} retry=${c} go=${r} />`}
    <div class="list">${v?s`<${X} list=${v} measure="events" total=${v.total} most=${N} filter=${o.filter} choose=${p} />`:!y&&s`<div class="skeleton list-sk"></div>`}</div>
    <div class="panel-foot"><span>${v&&v.value_count>N?e("inAll",{n:f(v.value_count)},v.value_count):""}</span>
      ${v&&v.rows.length>0&&s`<button class="more" onClick=${()=>i(!0)}><${_} name="expand" size="13" />${e("details")}</button>`}</div>
    ${a&&g&&s`<${g.default} tab=${{name:l,dimension:l,measure:"events"}} type=${t} state=${o}
      choose=${p} close=${()=>i(!1)} />`}
  </section>`}var de=({value:t,choose:o})=>s`<select class="on" aria-label=${e("chooseDimension")} value=${t}
  onChange=${r=>o(r.target.value)}>
  ${R.map(r=>s`<option key=${r} value=${r}>${oe(r)}</option>`)}</select>`;export{re as a,U as b,R as c,Re as d,pe as e,$e as f,ae as g,de as h};
